"""What a log line never holds."""

import logging

import psycopg
import structlog
from sqlalchemy.exc import IntegrityError

from kit.log import Plain, said, without_numbers, without_rows


def test_a_row_that_the_database_refused_is_quoted_in_no_log_line() -> None:
    text = "null value in column\nDETAIL:  Failing row contains (1, 示例\n某路 1 号)."
    no = IntegrityError("INSERT", {}, psycopg.errors.NotNullViolation(text), hide_parameters=True)
    written = structlog.processors.format_exc_info(None, "error", {"exc_info": no})
    for event in (written, {"error": repr(no)}):
        line = str(without_rows(None, "error", event))
        assert "null value in column" in line
        assert "示例" not in line
        assert "某路" not in line


def test_an_error_that_is_kept_quotes_no_row_and_no_personal_number() -> None:
    detail = "duplicate key\nDETAIL:  Key (name)=(示例) already exists."
    no = IntegrityError("INSERT", {}, psycopg.errors.UniqueViolation(detail), hide_parameters=True)
    assert "duplicate key" in said(no)
    assert "示例" not in said(no)
    assert said(ValueError("致电13812341234")) == "ValueError('致电138****1234')"


def test_a_personal_number_stands_masked_in_our_lines_and_in_those_of_libraries() -> None:
    text = "row_failed cell='致电13812341234 11010519491231002X'"
    shown = "row_failed cell='致电138****1234 110***********002X'"
    assert without_numbers(None, "error", text) == shown
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, text, None, None)
    assert Plain("%(message)s").format(record) == shown


def test_a_librarys_traceback_quotes_no_row() -> None:
    text = "null value\nDETAIL:  Failing row contains (示例)."
    try:
        raise psycopg.errors.NotNullViolation(text)
    except psycopg.Error as no:
        caught = (type(no), no, no.__traceback__)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "broken", None, caught)
    line = Plain("%(message)s").format(record)
    assert "null value" in line
    assert "示例" not in line
