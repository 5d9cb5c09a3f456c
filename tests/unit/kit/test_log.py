"""What a log line never holds."""

import psycopg
import structlog
from sqlalchemy.exc import IntegrityError

from kit.log import without_rows


def test_a_row_that_the_database_refused_is_quoted_in_no_log_line() -> None:
    said = "null value in column\nDETAIL:  Failing row contains (1, 示例\n某路 1 号)."
    no = IntegrityError("INSERT", {}, psycopg.errors.NotNullViolation(said), hide_parameters=True)
    written = structlog.processors.format_exc_info(None, "error", {"exc_info": no})
    for event in (written, {"error": repr(no)}):
        line = str(without_rows(None, "error", event))
        assert "null value in column" in line
        assert "示例" not in line
        assert "某路" not in line
