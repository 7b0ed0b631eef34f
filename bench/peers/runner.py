"""The protocol between the bench and a peer engine.

The bench starts one process for each engine and query, `python <engine>.py JOB`. JOB is a JSON file: where S3 is, how many threads, the
tables (name, url, format, columns, partitions), the query, and where its result goes. The process answers on standard output, one JSON
object a line, and waits for `go` on standard input before each run:

    ready   after the import and the connection; no table has been touched
    run     after each `go`: seconds to the last row in this process's memory as Arrow; the first run also registers the tables
    saved   after the first run: its result is written as an Arrow IPC file
    failed  and exit code 1, instead of any of these

An engine's file gives `serve` a function that takes the job and returns a peer: `version`, `register(tables)`, `query(sql)`, which
returns a `pyarrow.Table`, and `close()`.
"""

import json
import os
import re
import sys
import time
import traceback

# The engines' files are named after the engines: their own folder must not come before the packages. What else an engine's file wants
# from there, it imports before this module.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != HERE]


def serve(connect):
    """Connects by `connect(job)` and answers until standard input says `end` or ends."""
    answers = take_stdout()

    peer = None

    def say(event, **fields):
        print(json.dumps({"event": event, **fields}), file=answers, flush=True)

    try:
        forget_environment()
        die_first()
        with open(sys.argv[1], encoding="utf-8") as file:
            job = json.load(file)
        peer = connect(job)
        say("ready", version=peer.version)
        first = True
        while sys.stdin.readline().strip() == "go":
            started = time.monotonic()
            if first:
                peer.register(named(job["tables"], job["sql"]))
            table = peer.query(job["sql"])
            say("run", seconds=time.monotonic() - started, rows=table.num_rows)
            if first:
                save(table, job["result"])
                say("saved")
            first = False
            del table
        peer.close()
    except BaseException as error:  # engines raise their own, one of them even from BaseException (a Rust panic)
        traceback.print_exc()
        say("failed", message=" ".join(f"{type(error).__name__}: {error}".split())[:2000])
        close_quietly(peer)
        leave(1)
    leave(0)


def close_quietly(peer):
    try:
        if peer is not None:
            peer.close()
    except BaseException:
        traceback.print_exc()


def take_stdout():
    """The real standard output, for answers only: whatever an engine prints goes to standard error from here on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def forget_environment():
    """Only the job says where S3 is and who asks: neither the environment, nor files of the user, nor a machine's metadata service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def die_first():
    """When the machine runs out of memory, it is the peer that ends, not the bench or S3. Children inherit it."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def named(tables, sql):
    """Those that the query is about: nobody would register the others for it."""
    return [table for table in tables if re.search(rf"\b{re.escape(table['name'])}\b", sql, re.IGNORECASE)]


def save(table, path):
    import pyarrow

    table = without_zones(table)
    with pyarrow.OSFile(path, "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def without_zones(table):
    """No suite's timestamps have a zone, but those of some engines always do (every session is in UTC). Moves no value."""
    import pyarrow

    def plain(field):
        return field.with_type(pyarrow.timestamp(field.type.unit)) if pyarrow.types.is_timestamp(field.type) else field

    return table.cast(pyarrow.schema([plain(field) for field in table.schema]))


def leave(code):
    """Ends the process at once: threads and destructors of an engine could hold it up, or crash it, long after its last answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def glob(table):
    """All the files of a table; partitions add one level of folders each."""
    return table["url"] + "*/" * len(table["partitions"]) + "*." + table["format"]
