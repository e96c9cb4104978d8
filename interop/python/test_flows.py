"""The mission's flows with the unmodified official Python client, nats-py.

A line `Rows:` names the rows of the mission's table that a test proves.
"""

import asyncio
import functools
import hashlib
import io
import json
import os
import time

import nats
import nkeys
import pytest
from nats.errors import NoRespondersError, TimeoutError as NatsTimeout
from nats.js import api
from nats.js.errors import (
    APIError,
    BadRequestError,
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoStreamResponseError,
    NotFoundError,
    ObjectNotFoundError,
)

from server import Server, is_reference

PATIENCE = 8.0
UPDATE = b'{"feedId":"BTC/USD","price":"45000","decimals":8}'


def flow(test=None, *, config=None):
    """Runs an async test with a fresh server and a connected client."""
    if test is None:
        return functools.partial(flow, config=config)

    # Not functools.wraps: pytest would take the arguments of `test` for fixtures.
    def run():
        with Server(config) as server:
            asyncio.run(asyncio.wait_for(with_client(test, server), 9.5))

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    return run


async def with_client(test, server):
    client = await connect(server)
    try:
        await test(server, client)
    finally:
        if not client.is_closed:
            await client.close()


async def connect(server, **options):
    async def swallow(_):
        """Errors that a test wants to see it asks for itself."""

    defaults = {"reconnect_time_wait": 0.05, "max_reconnect_attempts": -1, "error_cb": swallow}
    return await nats.connect(server.url, **{**defaults, **options})


async def eventually(what, check):
    deadline = time.monotonic() + PATIENCE
    while not await check():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.01)


async def neo_events(js):
    return await js.add_stream(
        name="neo-events",
        subjects=["neo.datafeed.*", "neo.flow.*", "neo.accounts.*"],
        max_age=7 * 24 * 3600,
        max_bytes=10 * 1024**3,
        storage=api.StorageType.FILE,
    )


async def silent(sub, seconds):
    """Nothing is delivered for that long; the client says so in one of two ways."""
    try:
        assert await sub.fetch(1, timeout=seconds) == []
    except NatsTimeout:
        pass


def fails(error):
    return pytest.raises(error)


# Core: seed 004, sections 1 to 3 and the wildcard rules.


@flow
async def test_s4_19_publish_subscribe_unsubscribe(server, client):
    """Rows: S4-02, S4-18, S4-19, S4-22, S4-23"""
    got = []

    async def handler(message):
        got.append((message.subject, message.data, message.headers))

    sub = await client.subscribe("events.>", cb=handler)
    await client.publish("events.user.created", b'{"user_id":"123"}', headers={"Trace": "one"})
    await client.flush()
    await eventually("the event", lambda: asyncio.sleep(0, bool(got)))
    assert got == [("events.user.created", b'{"user_id":"123"}', {"Trace": "one"})]
    await sub.unsubscribe()
    await client.publish("events.user.created", b"2")
    await client.flush()
    assert len(got) == 1


@flow
async def test_s4_71_wildcards(server, client):
    """Rows: S0-54, S0-55, S4-10, S4-24, S4-71, S4-72"""
    table = {
        "events.>": ["events.user.created", "events.order.shipped.confirmed"],
        "events.user.*": ["events.user.created"],
        "events.*.created": ["events.user.created"],
        "*": ["events"],
        ">": ["events", "events.user.created", "events.order.shipped.confirmed"],
    }
    subs = {name: await client.subscribe(name) for name in table}
    for subject in ["events", "events.user.created", "events.order.shipped.confirmed"]:
        await client.publish(subject)
    await client.flush()
    for name, expected in table.items():
        got = [(await subs[name].next_msg(PATIENCE)).subject for _ in expected]
        assert got == expected, name
        assert subs[name].pending_msgs == 0, name


@flow
async def test_s4_25_queue_group_shares_the_tasks(server, client):
    """Rows: S4-09, S4-25, S4-26, S4-27, S4-62"""
    done = [[], []]
    workers = [await connect(server) for _ in done]
    for worker, mine in zip(workers, done):

        async def handler(message, mine=mine):
            mine.append(message.data)

        await worker.subscribe("work.tasks", queue="workers", cb=handler)
        await worker.flush()
    for i in range(1000):
        await client.publish("work.tasks", b"task-%d" % i)
    await client.flush()
    await eventually("all tasks", lambda: asyncio.sleep(0, len(done[0]) + len(done[1]) >= 1000))
    assert len(set(done[0] + done[1])) == len(done[0]) + len(done[1]) == 1000
    assert min(len(done[0]), len(done[1])) > 300
    for worker in workers:
        await worker.close()


@flow
async def test_s4_29_request_and_reply(server, client):
    """Rows: S4-03, S4-28, S4-29"""

    async def pong(message):
        await message.respond(b"pong to " + message.data)

    responder = await connect(server)
    await responder.subscribe("service.ping", cb=pong)
    await responder.flush()
    answer = await client.request("service.ping", b"hello", timeout=5)
    assert answer.data == b"pong to hello"
    started = time.monotonic()
    with fails(NoRespondersError):
        await client.request("nobody.home", b"", timeout=5)
    assert time.monotonic() - started < 1
    await responder.subscribe("service.mute")
    await responder.flush()
    with fails(NatsTimeout):
        await client.request("service.mute", b"", timeout=0.2)
    await responder.close()


# JetStream: seed 000 lines 96 to 240 and 326 to 371.


@flow
async def test_s0_28_publish_is_acknowledged(server, client):
    """Rows: S0-03, S0-04, S0-05, S0-26, S0-27, S0-28, S0-29"""
    js = client.jetstream()
    assert (await js.account_info()).streams == 0
    info = await neo_events(js)
    assert (info.config.max_age, info.config.max_bytes) == (7 * 24 * 3600, 10 * 1024**3)
    ack = await js.publish("neo.datafeed.update", UPDATE)
    assert (ack.stream, ack.seq, ack.duplicate) == ("neo-events", 1, None)
    with fails(NoStreamResponseError):
        await js.publish("neo.other.x", b"lost")
    message = await js.get_msg("neo-events", 1)
    assert (message.subject, message.data) == ("neo.datafeed.update", UPDATE)
    with fails(APIError) as error:
        await js.publish("neo.flow.x", b"", headers={"Nats-Expected-Last-Sequence": "7"})
    assert error.value.err_code == 10071


@flow
async def test_s0_30_pull_subscribe_fetch_ack_nak(server, client):
    """Rows: S0-30, S0-31, S0-32, S0-33, S0-34, S0-35, S0-50"""
    js = client.jetstream()
    await neo_events(js)
    sub = await js.pull_subscribe("neo.datafeed.*", "neofeeds-consumer")
    for _ in range(3):
        await silent(sub, 0.1)
    for i in range(12):
        await js.publish("neo.datafeed.update", b"%d" % i)
    await js.publish("neo.flow.triggered", b"no")
    messages = await sub.fetch(10, timeout=5)
    assert [message.data for message in messages] == [b"%d" % i for i in range(10)]
    await messages[0].nak()
    for message in messages[1:]:
        await message.ack_sync(timeout=5)
    # A second subscriber binds to the durable that is there.
    again = await js.pull_subscribe("neo.datafeed.*", "neofeeds-consumer")
    rest = {}
    while len(rest) < 3:
        for message in await again.fetch(3 - len(rest), timeout=5):
            rest[message.data] = message.metadata.num_delivered
            await message.ack_sync(timeout=5)
    assert rest == {b"0": 2, b"10": 1, b"11": 1}
    info = await js.consumer_info("neo-events", "neofeeds-consumer")
    assert (info.ack_floor.stream_seq, info.num_ack_pending, info.num_pending) == (12, 0, 0)
    assert info.config.filter_subject == "neo.datafeed.*"
    assert info.config.ack_policy == api.AckPolicy.EXPLICIT


@flow
async def test_s0_36_push_subscribe_with_a_durable_and_manual_ack(server, client):
    """Rows: S0-36, S0-37, S0-38"""
    js = client.jetstream()
    await neo_events(js)
    got, finished = [], asyncio.Event()

    async def handler(message):
        meta = message.metadata
        got.append((message.data, meta.num_delivered))
        if message.data == b"2" and meta.num_delivered == 1:
            await message.nak()
        else:
            await message.ack()
        if len(got) == 6:
            finished.set()

    config = api.ConsumerConfig(ack_wait=30)
    await js.subscribe(
        "neo.datafeed.*", durable="neofeeds-push", cb=handler, manual_ack=True, config=config
    )
    for i in range(5):
        await js.publish("neo.datafeed.update", b"%d" % i)
    await asyncio.wait_for(finished.wait(), PATIENCE)
    assert [item for item in got if item[0] != b"2"] == [(b"%d" % i, 1) for i in (0, 1, 3, 4)]
    assert [item for item in got if item[0] == b"2"] == [(b"2", 1), (b"2", 2)]

    async def all_acknowledged():
        info = await js.consumer_info("neo-events", "neofeeds-push")
        return info.ack_floor.stream_seq == 5 and info.push_bound

    await eventually("all acks", all_acknowledged)


@flow
async def test_push_queue_group_shares(server, client):
    js = client.jetstream()
    await neo_events(js)
    done = [[], [], []]
    for mine in done:

        async def handler(message, mine=mine):
            mine.append(message.metadata.sequence.stream)

        await js.subscribe("neo.datafeed.*", queue="workers", durable="workers", cb=handler)
    for i in range(90):
        await js.publish("neo.datafeed.update", b"%d" % i)
    await eventually("all messages", lambda: asyncio.sleep(0, sum(map(len, done)) >= 90))
    assert sorted(sum(done, [])) == list(range(1, 91))
    assert all(len(mine) > 5 for mine in done)


@flow
async def test_s0_71_async_publishes(server, client):
    """Rows: S0-71, S0-72, S4-79"""
    js = client.jetstream()
    await neo_events(js)
    futures = [
        await js.publish_async("neo.datafeed.update", json.dumps({"n": n}).encode())
        for n in range(1000)
    ]
    acks = await asyncio.wait_for(asyncio.gather(*futures), PATIENCE)
    assert [ack.seq for ack in acks] == list(range(1, 1001))


@flow
async def test_s0_73_four_consumers_of_one_durable(server, client):
    """Rows: S0-73, S1-25"""
    js = client.jetstream()
    await neo_events(js)
    for i in range(200):
        await js.publish_async("neo.datafeed.update", b"%d" % i)
    await asyncio.wait_for(js.publish_async_completed(), PATIENCE)
    await js.pull_subscribe("neo.datafeed.*", "shared")
    seen = []

    async def worker():
        mine = await connect(server)
        sub = await mine.jetstream().pull_subscribe_bind("shared", "neo-events")
        while len(seen) < 200:
            try:
                messages = await sub.fetch(10, timeout=0.3)
            except (NatsTimeout, asyncio.TimeoutError):
                continue
            for message in messages:
                await message.ack_sync(timeout=5)
                seen.append(message.metadata.sequence.stream)
        await mine.close()

    await asyncio.gather(*(worker() for _ in range(4)))
    assert sorted(seen) == list(range(1, 201))


@flow
async def test_s0_75_dead_letters(server, client):
    """Rows: S0-74, S0-75, S0-76, S0-77, S1-74"""
    js = client.jetstream()
    await neo_events(js)
    await js.add_stream(name="neo-events-dlq", subjects=["neo.dlq.>"])
    for body in (b"good", b"poison", b"fine"):
        await js.publish("neo.datafeed.update", body)
    sub = await js.pull_subscribe("neo.datafeed.*", "neofeeds-consumer")
    order = []

    async def process(message):
        meta = message.metadata
        order.append((meta.sequence.stream, meta.num_delivered))
        if message.data != b"poison":
            await message.ack_sync()
        elif meta.num_delivered >= 3:
            await js.publish("neo.dlq.datafeed", message.data)
            await message.ack_sync()
        else:
            await message.nak(delay=0.2)

    while len(order) < 5:
        for message in await sub.fetch(10, timeout=5):
            await process(message)
    assert order == [(1, 1), (2, 1), (3, 1), (2, 2), (2, 3)]
    letter = await js.get_last_msg("neo-events-dlq", "neo.dlq.datafeed")
    assert (letter.seq, letter.data) == (1, b"poison")
    info = await js.consumer_info("neo-events", "neofeeds-consumer")
    assert (info.ack_floor.stream_seq, info.num_ack_pending) == (3, 0)


@flow
async def test_s0_53_term_and_in_progress(server, client):
    """Rows: S0-53"""
    js = client.jetstream()
    await neo_events(js)
    config = api.ConsumerConfig(ack_wait=0.5)
    sub = await js.pull_subscribe("neo.datafeed.*", "C", config=config)
    await js.publish("neo.datafeed.a", b"slow")
    await js.publish("neo.datafeed.a", b"poison")
    slow, poison = await sub.fetch(2, timeout=5)
    await poison.term()
    for _ in range(4):
        await silent(sub, 0.25)
        await slow.in_progress()
    await slow.ack_sync()
    await silent(sub, 0.8)


@flow
async def test_s0_49_limits(server, client):
    """Rows: S0-05, S0-49"""
    js = client.jetstream()
    await js.add_stream(name="COUNT", subjects=["count"], max_msgs=5)
    await js.add_stream(name="BYTES", subjects=["bytes"], max_bytes=10_000)
    await js.add_stream(name="AGE", subjects=["age"], max_age=0.5, duplicate_window=0.5)
    for _ in range(12):
        for subject in ("count", "bytes", "age"):
            await js.publish(subject, b"x" * 1000)
    state = (await js.stream_info("COUNT")).state
    assert (state.messages, state.first_seq) == (5, 8)
    state = (await js.stream_info("BYTES")).state
    assert state.bytes <= 10_000 and 5 < state.messages < 12

    async def aged_out():
        return (await js.stream_info("AGE")).state.messages == 0

    await eventually("all age out", aged_out)


@flow
async def test_s1_73_duplicates(server, client):
    """Rows: S1-62, S1-73"""
    js = client.jetstream()
    await neo_events(js)
    headers = {"Nats-Msg-Id": "once"}
    first = await js.publish("neo.datafeed.a", b"1", headers=headers)
    second = await js.publish("neo.datafeed.a", b"1", headers=headers)
    assert (first.seq, second.seq, second.duplicate) == (1, 1, True)
    assert (await js.stream_info("neo-events")).state.messages == 1


@flow
async def test_s1_72_ordered_consumer(server, client):
    """Rows: S1-72"""
    js = client.jetstream()
    await neo_events(js)
    for i in range(300):
        await js.publish_async("neo.datafeed.a", b"%d" % i)
    await asyncio.wait_for(js.publish_async_completed(), PATIENCE)
    sub = await js.subscribe("neo.datafeed.*", ordered_consumer=True)
    got = [(await sub.next_msg(PATIENCE)).data for _ in range(300)]
    assert got == [b"%d" % i for i in range(300)]


@flow
async def test_s4_05_stream_and_consumer_management(server, client):
    """Rows: S4-04, S4-05, S4-06, S4-30, S4-31, S4-32"""
    js = client.jetstream()
    info = await js.add_stream(name="ORDERS", subjects=["orders.>"], max_age=30 * 24 * 3600)
    assert info.config.max_age == 2_592_000
    assert [(await js.publish("orders.created", b"x")).seq for _ in range(3)] == [1, 2, 3]
    assert await js.find_stream_name_by_subject("orders.created") == "ORDERS"
    config = api.ConsumerConfig(
        name="order-processor",
        filter_subject="orders.created",
        ack_policy=api.AckPolicy.EXPLICIT,
    )
    await js.add_consumer("ORDERS", config)
    assert [c.name for c in await js.consumers_info("ORDERS")] == ["order-processor"]
    sub = await js.pull_subscribe_bind("order-processor", "ORDERS")
    assert len(await sub.fetch(3, timeout=5)) == 3
    assert await js.delete_msg("ORDERS", 2)
    assert await js.purge_stream("ORDERS", keep=1)
    state = (await js.stream_info("ORDERS")).state
    assert (state.messages, state.first_seq, state.last_seq) == (1, 3, 3)
    with fails(BadRequestError):
        await js.add_stream(name="OTHER", subjects=["orders.created"])
    assert await js.delete_consumer("ORDERS", "order-processor")
    assert await js.delete_stream("ORDERS")
    with fails(NotFoundError):
        await js.stream_info("ORDERS")


# Seed 004, sections 5 and 6.


@flow
async def test_s4_33_key_value(server, client):
    """Rows: S4-07, S4-33, S4-34, S4-35, S4-36, S4-64"""
    js = client.jetstream()
    with fails(BucketNotFoundError):
        await js.key_value("config")
    kv = await js.create_key_value(bucket="config", history=5)
    assert await kv.put("feature.flag", b"enabled") == 1
    entry = await kv.get("feature.flag")
    assert (entry.value, entry.revision) == (b"enabled", 1)
    assert await kv.update("feature.flag", b"disabled", last=1) == 2
    with fails(KeyWrongLastSequenceError):
        await kv.update("feature.flag", b"late", last=1)
    with fails(KeyWrongLastSequenceError):
        await kv.create("feature.flag", b"x")
    await kv.delete("feature.flag")
    with fails(KeyNotFoundError):
        await kv.get("feature.flag")
    with fails(KeyNotFoundError):
        await kv.get("missing")
    operations = [entry.operation for entry in await kv.history("feature.flag")]
    assert operations == [None, None, "DEL"]
    assert await kv.create("feature.flag", b"again") == 4
    await kv.put("other", b"1")
    assert sorted(await kv.keys()) == ["feature.flag", "other"]
    await kv.purge("feature.flag")
    assert sorted(await kv.keys()) == ["other"]
    status = await kv.status()
    assert (status.bucket, status.history) == ("config", 5)
    assert (await js.stream_info("KV_config")).config.subjects == ["$KV.config.>"]


@flow
async def test_s4_67_key_value_watch(server, client):
    """Rows: S4-65, S4-66, S4-67"""
    js = client.jetstream()
    kv = await js.create_key_value(bucket="app-config")
    await kv.put("database.url", b"postgres://...")
    await kv.put("api.timeout", b"30s")
    watcher = await kv.watch("api.>")
    entry = await watcher.updates(timeout=5)
    assert (entry.key, entry.value) == ("api.timeout", b"30s")
    assert await watcher.updates(timeout=5) is None, "the end of what was there"
    await kv.put("database.url", b"elsewhere")
    await kv.put("api.timeout", b"5s")
    entry = await watcher.updates(timeout=5)
    assert (entry.key, entry.value) == ("api.timeout", b"5s")
    await kv.delete("api.timeout")
    entry = await watcher.updates(timeout=5)
    assert (entry.key, entry.operation) == ("api.timeout", "DEL")
    await watcher.stop()


@flow
async def test_s4_37_object_store(server, client):
    """Rows: S4-08, S4-37, S4-38, S4-39, S4-40, S4-68, S4-69, S4-70"""
    js = client.jetstream()
    store = await js.create_object_store("artifacts")
    for size in (1, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, 1_000_000):
        data = os.urandom(size)
        info = await store.put("report.pdf", io.BytesIO(data))
        assert (info.size, info.chunks) == (size, -(-size // (128 * 1024)))
        result = await store.get("report.pdf")
        assert hashlib.sha256(result.data).digest() == hashlib.sha256(data).digest()
    await store.put("v1.2.3", b"binary")
    assert sorted((o.name, o.size) for o in await store.list()) == [
        ("report.pdf", 1_000_000),
        ("v1.2.3", 6),
    ]
    await store.delete("report.pdf")
    with fails(ObjectNotFoundError):
        await store.get("report.pdf")
    assert [o.name for o in await store.list(ignore_deletes=True)] == ["v1.2.3"]
    assert (await (await js.object_store("artifacts")).get("v1.2.3")).data == b"binary"


# Seed 001: restarts.


async def ensure_stream(js):
    await js.add_stream(name="F_RELIABLE", subjects=["f.reliable"], storage=api.StorageType.FILE)
    config = api.ConsumerConfig(ack_wait=1.5, ack_policy=api.AckPolicy.EXPLICIT)
    return await js.pull_subscribe("f.reliable", "F_REL_DURABLE", config=config)


@flow
async def test_s1_42_messages_and_progress_survive_a_restart(server, client):
    """Rows: S0-47, S0-51, S1-02, S1-42, S1-43"""
    js = client.jetstream()
    sub = await ensure_stream(js)
    for body in (b"1", b"2", b"3"):
        await js.publish("f.reliable", body)
    messages = await sub.fetch(3, timeout=2)
    assert [message.metadata.sequence.stream for message in messages] == [1, 2, 3]
    await messages[0].ack_sync()
    await client.close()
    server.stop()
    server.restart()
    other = await connect(server)
    js = other.jetstream()
    assert (await js.stream_info("F_RELIABLE")).state.messages == 3
    sub = await js.pull_subscribe_bind("F_REL_DURABLE", "F_RELIABLE")
    got = []
    while len(got) < 2:
        got += await sub.fetch(2 - len(got), timeout=5)
    assert sorted(message.metadata.sequence.stream for message in got) == [2, 3]
    for message in got:
        await message.ack_sync()
    await other.close()


@flow
async def test_s1_45_the_client_reconnects_by_itself(server, client):
    """Rows: S1-05, S1-45, S4-11, S4-87"""
    events = []

    async def lost():
        events.append("lost")

    async def found():
        events.append("found")

    mine = await connect(server, disconnected_cb=lost, reconnected_cb=found)
    js = mine.jetstream()
    sub = await ensure_stream(js)
    core = await mine.subscribe("core")
    await js.publish("f.reliable", b"before")
    server.stop()
    await eventually("the loss is noticed", lambda: asyncio.sleep(0, not mine.is_connected))
    server.restart()
    await eventually("it reconnects", lambda: asyncio.sleep(0, "found" in events))
    assert events == ["lost", "found"]
    assert (await js.publish("f.reliable", b"after")).seq == 2
    assert [m.data for m in await sub.fetch(2, timeout=5)] == [b"before", b"after"]
    await mine.publish("core", b"still here")
    assert (await core.next_msg(PATIENCE)).data == b"still here"
    await mine.close()


# Who may do what.

KEY = nkeys.from_seed(nkeys.encode_seed(b"\x07" * 32, nkeys.PREFIX_BYTE_USER))
USERS = """authorization {{ users = [
  {{ user: derek, password: s3cr3t, permissions: {{ publish: "open.>" }} }}
  {{ nkey: {key} }}
] }}""".format(key=KEY.public_key.decode())


def test_s4_54_users_and_nkeys(tmp_path):
    """Rows: S4-54"""
    seed = tmp_path / "seed"
    seed.write_bytes(bytes(KEY.seed))

    async def main(server):
        errors = []

        async def note(error):
            errors.append(str(error))

        derek = await connect(server, user="derek", password="s3cr3t", error_cb=note)
        await derek.publish("shut.down", b"")
        await derek.flush()
        await eventually("the violation", lambda: asyncio.sleep(0, bool(errors)))
        assert 'permissions violation for publish to "shut.down"' in errors[0].lower()
        await derek.close()
        signer = await connect(server, nkeys_seed=str(seed))
        await signer.publish("anything", b"")
        await signer.flush()
        await signer.close()
        for wrong in ({"user": "derek", "password": "no"}, {}):
            with fails(nats.errors.Error) as refusal:
                await connect(server, allow_reconnect=False, error_cb=note, **wrong)
            assert "authorization violation" in str(refusal.value).lower()

    with Server(USERS) as server:
        asyncio.run(asyncio.wait_for(main(server), 9.5))


# What only our server promises.


@pytest.mark.skipif(is_reference(), reason="nats-server confirms before it syncs")
@flow
async def test_ours_what_was_acknowledged_survives_kill_9(server, client):
    """Rows: S1-01, S1-02, S1-59"""
    sub = await ensure_stream(client.jetstream())
    expected = []
    for round_ in range(4):
        mine = await connect(server)
        js = mine.jetstream()
        for i in range(50):
            body = b"%d-%d" % (round_, i)
            await js.publish("f.reliable", body)
            expected.append(body)
        sub = await js.pull_subscribe_bind("F_REL_DURABLE", "F_RELIABLE")
        for message in await sub.fetch(10, timeout=5):
            await message.ack_sync()
        server.kill9()
        await mine.close()
        server.restart()
    mine = await connect(server)
    js = mine.jetstream()
    stored = [(await js.get_msg("F_RELIABLE", seq)).data for seq in range(1, 201)]
    assert stored == expected
    info = await js.consumer_info("F_RELIABLE", "F_REL_DURABLE")
    assert info.ack_floor.stream_seq == 40
    await mine.close()
