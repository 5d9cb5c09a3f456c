"""Examples at the end of a command's `--help`: lines that work as they stand."""

from typing import Final

HEAD: Final = "示例 Examples"


def examples(*lines: str) -> str:
    """Write examples so that each keeps a line of its own."""
    return "\n\n".join((f"[bold]{HEAD}[/bold]", *(f"  {line}" for line in lines)))
