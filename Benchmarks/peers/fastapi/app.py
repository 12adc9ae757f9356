"""What a competent user would write instead of Inlet: one file, hashed token, a durable row per call.

Run with one uvicorn worker: SQLite has one writer anyhow. The blocking commit runs in one thread of its own, so that
the event loop reads the next call meanwhile. A `def` endpoint and FastAPI's thread pool were tried too: their threads
wait for the same database and it was clearly slower.
"""

import asyncio
import hashlib
import hmac
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, HTTPException, Request

TOKEN_SHA256 = os.environ["BENCH_TOKEN_SHA256"]

database = sqlite3.connect(os.environ["BENCH_DATABASE"], check_same_thread=False)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")  # a row that was answered for survives a power cut
database.execute(
    "CREATE TABLE IF NOT EXISTS events"
    " (id INTEGER PRIMARY KEY, webhook TEXT NOT NULL, received_at REAL NOT NULL, body BLOB NOT NULL)"
)
writer = ThreadPoolExecutor(max_workers=1)

app = FastAPI()


def is_authorized(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    digest = hashlib.sha256(token.encode()).hexdigest()
    return scheme == "Bearer" and hmac.compare_digest(digest, TOKEN_SHA256)


def store(webhook: str, body: bytes) -> int:
    with database:  # commits on the way out
        row = database.execute(
            "INSERT INTO events (webhook, received_at, body) VALUES (?, ?, ?)", (webhook, time.time(), body)
        )
        return row.lastrowid


@app.post("/in/{webhook}", status_code=202)
async def receive(webhook: str, request: Request):
    if not is_authorized(request.headers.get("authorization", "")):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    body = await request.body()
    event = await asyncio.get_running_loop().run_in_executor(writer, store, webhook, body)
    return {"id": event}
