"""Peer `python-reference`: the way of the reference implementations of this job. boto3 receives ten by a long poll; each message is parsed,
two fields become their SHA-256, the row is inserted and committed, and the message deleted, one after the other, in one thread. Written as
well as that allows: one client and one connection for all, delete after commit, a message that cannot be read stays on the queue.
Leaves out: keys (an unkeyed hash of an address is soon guessed), the check against a contract, receipts (a redelivery is a second row),
quarantine, ledger, reversible tokens; create_date is the day of processing."""

import hashlib
import json
import os
import signal
import sys
from datetime import datetime, timezone
from urllib.parse import urlsplit

import boto3
import psycopg2
from psycopg2 import sql


def sha256(value):
    return hashlib.sha256(value.encode()).hexdigest()


def read_row(body):
    login = json.loads(body)
    return (
        login["user_id"],
        login["device_type"],
        sha256(login["ip"]),
        sha256(login["device_id"]),
        login["locale"],
        int(login["app_version"].split(".")[0]),
        datetime.now(timezone.utc).date(),
    )


def main():
    queue_url = os.environ["BENCH_QUEUE_URL"]
    place = urlsplit(queue_url)
    sqs = boto3.client("sqs", endpoint_url=f"{place.scheme}://{place.netloc}", region_name="us-east-1")
    connection = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])
    cursor = connection.cursor()
    table = sql.Identifier(*os.environ["BENCH_TABLE"].split("."))
    insert = sql.SQL(
        "INSERT INTO {} (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
    ).format(table).as_string(connection)
    while True:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        for message in answer.get("Messages", []):
            try:
                row = read_row(message["Body"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                print(f"left on the queue: {type(error).__name__}", file=sys.stderr)
                continue
            cursor.execute(insert, row)
            connection.commit()
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    # raised in the main thread, it also ends a long poll
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
