"""`python -m heli.sandbox`: serve until told to stop."""

import uvicorn

from heli.sandbox.app import Settings, make

settings = Settings()
uvicorn.run(make(settings), host=settings.host, port=settings.port, log_level="warning")
