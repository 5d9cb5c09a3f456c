"""`ETag` and `If-None-Match` (RFC 9110 §8.8.3, §13.1.2) of every read, in one place.

The tag is a digest of the answer, so that it changes exactly when what the caller sees changes; a
draft puts its version before it, which `If-Match` names when the draft is changed.
"""

import hashlib
from typing import Final

from fastapi import Request, Response

_NOT_MODIFIED: Final = 304
_DIGEST_BYTES: Final = 12
_KEPT: Final = ("cache-control", "content-location", "date", "etag", "expires", "vary", "link")


def tagged(request: Request, response: Response) -> Response:
    """Give a read its ETag, or 304 without a body where the caller has it already."""
    body = getattr(response, "body", None)
    if response.status_code != 200 or body is None:  # noqa: PLR2004 - RFC 9110 §15.3.1
        return response
    digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()
    mark = marked(response.headers.get("etag"))
    tag = f'"{mark}.{digest}"' if mark else f'"{digest}"'
    response.headers["etag"] = tag
    seen = request.headers.get("if-none-match")
    if seen is None or not _knows(seen, tag):
        return response
    kept = {name: value for name, value in response.headers.items() if name in _KEPT}
    return Response(status_code=_NOT_MODIFIED, headers=kept)


def marked(tag: str | None) -> str | None:
    """Give what an ETag says without its quotes."""
    return None if tag is None else tag.strip().removeprefix("W/").strip('"')


def mark_of(if_match: str | None) -> str | None:
    """Give the draft's mark of an `If-Match`, without the digest of what was seen of it."""
    seen = marked(if_match)
    return None if seen is None else ".".join(seen.split(".")[:2])


def _knows(seen: str, tag: str) -> bool:
    tags = (one.strip().removeprefix("W/") for one in seen.split(","))
    return any(one in {"*", tag} for one in tags)
