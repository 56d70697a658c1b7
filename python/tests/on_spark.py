"""A lake on a local cluster of Spark, beside the same work in one process: equal records, though an executor is killed and one
capture is cut into pieces."""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import portolan
from captures import repeated
from portolan import lake

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
MASTER = "local-cluster[2,1,1024]"


def rows(folder):
    files = f"{folder}/**/*.parquet"
    return duckdb.sql(f"SELECT * FROM read_parquet('{files}', hive_partitioning=true) ORDER BY ALL").fetchall()


def kill_an_executor(application):
    """Kills one executor of this application, once there is one."""
    while True:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if b"CoarseGrainedExecutorBackend" in words and application.encode() in words:
                os.kill(int(process.name), signal.SIGKILL)
                print("killed an executor")
                return
        time.sleep(0.1)


def main():
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.executor.memory": "1g",
    }
    builder = SparkSession.builder.master(MASTER).appName("portolan")
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    files = sorted(str(path) for path in SAMPLES.rglob("*") if path.suffix in (".pcap", ".pcapng"))
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder, "large.pcap")
        repeated(SAMPLES / "dns-tcp.pcap", 1_000, large)
        files.append(str(large))
        alone = portolan.merge([lake.learn_piece(file, f"{folder}/alone") for file in files], f"{folder}/alone.know")
        for file in files:
            lake.annotate_piece(file, alone, f"{folder}/one")
        began = time.monotonic()
        threading.Thread(target=kill_an_executor, args=[session.sparkContext.applicationId], daemon=True).start()
        outcome = lake.spark(session, files, f"{folder}/knowledge", f"{folder}/packets", octets=large.stat().st_size // 5)
        taken = time.monotonic() - began
        assert not outcome.failed, outcome.failed
        pieces = [piece for piece in outcome.pieces if not isinstance(piece, str)]
        assert 5 <= len(pieces) <= 7 and {piece.path for piece in pieces} == {str(large)}, pieces
        want, found = rows(f"{folder}/one"), rows(f"{folder}/packets")
        assert found == want and len(found) == sum(piece.rows for piece in outcome.results)
    print(f"Spark {session.version}, {MASTER}: {len(files)} captures, one in {len(pieces)} pieces, {len(found)} records, as one process has them; {taken:.0f} s")
    session.stop()


if __name__ == "__main__":
    main()
