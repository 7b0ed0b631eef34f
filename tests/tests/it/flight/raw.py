"""Flight SQL spoken by hand over pyarrow's Flight client: what JDBC's and ODBC's drivers send, in their order, and what nobody should send."""

import threading
import time

import flightsql.flightsql_pb2 as pb
import pyarrow as pa
from google.protobuf import any_pb2
from pyarrow import flight

import lake
from lake import CATALOG, FOLDER, rows

# pyarrow raises some of gRPC's codes as Arrow's errors.
REFUSED = (flight.FlightError, pa.ArrowException, NotImplementedError)
SESSION_COOKIE = "arrow_flight_session_id"


class Cookies(flight.ClientMiddlewareFactory):
    """As JDBC's and ODBC's drivers keep them."""

    def __init__(self):
        self.jar = {}

    def start_call(self, info):
        return Cookie(self.jar)


class Cookie(flight.ClientMiddleware):
    def __init__(self, jar):
        self.jar = jar

    def sending_headers(self):
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())} if self.jar else {}

    def received_headers(self, headers):
        for value in headers.get("set-cookie", []):
            name, value = value.split(";")[0].split("=", 1)
            self.jar[name] = value


class Headers(flight.ClientMiddlewareFactory):
    """Keeps what came back with the last call."""

    def __init__(self):
        self.last = {}

    def start_call(self, info):
        return Header(self)


class Header(flight.ClientMiddleware):
    def __init__(self, factory):
        self.factory = factory

    def received_headers(self, headers):
        self.factory.last.update(headers)


def connect(*middleware):
    return flight.FlightClient(f"grpc+tcp://{lake.ADDRESS}", middleware=list(middleware))


def packed(message):
    wrapped = any_pb2.Any()
    wrapped.Pack(message)
    return wrapped.SerializeToString()


def descriptor(message):
    return flight.FlightDescriptor.for_command(packed(message))


def ask(client, message):
    """GetFlightInfo and DoGet; the schemas of both are the same."""
    info = client.get_flight_info(descriptor(message))
    assert len(info.endpoints) == 1 and info.endpoints[0].locations == []
    reader = client.do_get(info.endpoints[0].ticket)
    table = reader.read_all()
    assert table.schema == info.schema == client.get_schema(descriptor(message)).schema, (table.schema, info.schema)
    return table


def act(client, name, message):
    return [result.body.to_pybytes() for result in client.do_action(flight.Action(name, packed(message)))]


def prepare(client, sql):
    (body,) = act(client, "CreatePreparedStatement", pb.ActionCreatePreparedStatementRequest(query=sql))
    wrapped = any_pb2.Any.FromString(body)
    assert wrapped.type_url.endswith(".ActionCreatePreparedStatementResult")
    result = pb.ActionCreatePreparedStatementResult.FromString(wrapped.value)
    # Field 4, which the generated messages of this client do not know yet.
    is_update = {b"\x20\x00": False, b"\x20\x01": True}[wrapped.value[-2:]]
    return result, is_update


def close(client, prepared):
    handle = prepared.prepared_statement_handle
    assert act(client, "ClosePreparedStatement", pb.ActionClosePreparedStatementRequest(prepared_statement_handle=handle)) == []


def put(client, message, batch=None):
    schema = batch.schema if batch is not None else pa.schema([])
    writer, reader = client.do_put(descriptor(message), schema)
    if batch is not None:
        writer.write_batch(batch)
    writer.done_writing()
    answer = reader.read()
    # What went wrong is said here.
    writer.close()
    return answer.to_pybytes()


def update(client, message):
    return pb.DoPutUpdateResult.FromString(put(client, message)).record_count


def only_field(message):
    """Of a message with one field of bytes, which Python has no class for: DoPutPreparedStatementResult."""
    assert message[0] == 0x0A
    length = shift = 0
    for at, byte in enumerate(message[1:], 2):
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            assert len(message) == at + length
            return message[at:]


def schema_of(bytes_):
    return pa.ipc.read_schema(pa.py_buffer(bytes_))


def test_tables_are_made():
    client = connect()
    for statement in lake.ddl():
        assert update(client, pb.CommandStatementUpdate(query=statement)) == 0


def test_the_calls_of_the_jdbc_driver():
    cookies = Cookies()
    client = connect(cookies)
    name, value = client.authenticate_basic_token("ann", "secret")
    assert name == b"authorization" and value.startswith(b"Bearer "), (name, value)
    # catalog= of the URL: SetSessionOptions{"catalog"}, as bytes because Python has no message for it.
    option = b"\x0a" + bytes([len("catalog")]) + b"catalog"
    text = b"\x0a" + bytes([len(CATALOG)]) + CATALOG.encode()
    entry = option + b"\x12" + bytes([len(text)]) + text
    (answer,) = client.do_action(flight.Action("SetSessionOptions", b"\x0a" + bytes([len(entry)]) + entry))
    assert answer.body.to_pybytes() == b"" and SESSION_COOKIE in cookies.jar, answer

    # DatabaseMetaData: all of GetSqlInfo, each value cast to the type that JDBC expects.
    info = dict(rows(ask(client, pb.CommandGetSqlInfo())))
    assert info[0] == "Arachne" and info[3] is False and info[504] == '"' and info[513] == "\\"
    for ids, kind in [
        ([0, 1, 2, 504, 513, 514, 529, 530, 531], str),
        ([3, 515, 516, 518, 519, 520, 521, 523, 524, 527, 532, 536, 537, 539, 556, 563, 565, 566, 572, 573], bool),
        ([503, 505, 507, 522, 525, 526, 528, 533, 534, 535, 538, 540, 562, 564, 567, *range(541, 556), *range(557, 562)], int),
        ([508, 509, 510, 511, 512], list),
    ]:
        for number in ids:
            assert type(info[number]) is kind, (number, info[number])
    union = ask(client, pb.CommandGetSqlInfo()).schema.field("value").type
    children = [union.field(index) for index in range(union.num_fields)]
    assert [child.name for child in children] == [
        "string_value", "bool_value", "bigint_value", "int32_bitmask", "string_list", "int32_to_int32_list_map",
    ]  # fmt: skip
    assert union.mode == "dense" and children[2].type == pa.int64() and children[3].type == pa.int32()

    # A query: prepared, executed, closed.
    prepared, is_update = prepare(client, "SELECT n, price FROM shop.numbers WHERE n < 3 ORDER BY n")
    assert not is_update and schema_of(prepared.dataset_schema).names == ["n", "price"]
    query = pb.CommandPreparedStatementQuery(prepared_statement_handle=prepared.prepared_statement_handle)
    table = ask(client, query)
    assert table["n"].to_pylist() == [0, 1, 2] and table.schema == schema_of(prepared.dataset_schema)
    close(client, prepared)
    with lake.raises(REFUSED, "closed"):
        client.get_flight_info(descriptor(query))

    # With parameters.
    prepared, _ = prepare(client, "SELECT word FROM shop.numbers WHERE n = ?")
    parameters = schema_of(prepared.parameter_schema)
    assert len(parameters) == 1 and parameters.types == [pa.int64()], parameters
    query = pb.CommandPreparedStatementQuery(prepared_statement_handle=prepared.prepared_statement_handle)
    for n in (5, 6):
        answer = put(client, query, pa.record_batch([pa.array([n], pa.int64())], names=["parameter_1"]))
        query = pb.CommandPreparedStatementQuery(prepared_statement_handle=only_field(answer))
        assert ask(client, query)["word"].to_pylist() == [f"word {n} {'x' * n}"]
    close(client, prepared)

    # An update: no columns, so DoPut and not DoGet.
    prepared, is_update = prepare(client, "CREATE DATABASE by_jdbc")
    assert is_update and prepared.dataset_schema == b""
    handle = prepared.prepared_statement_handle
    assert update(client, pb.CommandPreparedStatementUpdate(prepared_statement_handle=handle)) == 0
    close(client, prepared)
    assert "by_jdbc" in ask(client, pb.CommandGetDbSchemas())["db_schema_name"].to_pylist()
    assert update(client, pb.CommandStatementUpdate(query="DROP DATABASE by_jdbc")) == 0

    # Metadata.
    assert rows(ask(client, pb.CommandGetCatalogs())) == [(CATALOG,)]
    assert rows(ask(client, pb.CommandGetDbSchemas())) == [(CATALOG, "default"), (CATALOG, "shop")]
    assert rows(ask(client, pb.CommandGetDbSchemas(catalog=CATALOG, db_schema_filter_pattern="sh%"))) == [(CATALOG, "shop")]
    assert rows(ask(client, pb.CommandGetDbSchemas(catalog=""))) == []
    tables = ask(client, pb.CommandGetTables(db_schema_filter_pattern="shop"))
    assert tables.schema.names == ["catalog_name", "db_schema_name", "table_name", "table_type"]
    assert [row[2:] for row in rows(tables)] == [("big_numbers", "TABLE"), ("numbers", "TABLE")]
    columns = ask(client, pb.CommandGetTables(table_name_filter_pattern="every\\_type", include_schema=True))
    (row,) = rows(columns)
    schema = schema_of(row[4])
    assert schema.names == [name for name, *_ in lake.COLUMNS]
    metadata = schema.field("money").metadata
    assert metadata[b"ARROW:FLIGHT:SQL:PRECISION"] == b"12" and metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"] == b"decimal(12,2)"
    assert rows(ask(client, pb.CommandGetTableTypes())) == [("TABLE",), ("VIEW",)]
    for kind in ["TABLE", "BASE TABLE", "table"]:
        assert ask(client, pb.CommandGetTables(table_types=[kind])).num_rows == 3
    for message, columns in [
        (pb.CommandGetPrimaryKeys(table="numbers"), 6),
        (pb.CommandGetImportedKeys(table="numbers"), 13),
        (pb.CommandGetExportedKeys(table="numbers"), 13),
        (pb.CommandGetCrossReference(pk_table="numbers", fk_table="numbers"), 13),
    ]:
        table = ask(client, message)
        assert (table.num_rows, table.num_columns) == (0, columns)
    # CloseSession.
    (answer,) = client.do_action(flight.Action("CloseSession", b""))
    assert answer.body.to_pybytes() == b"\x08\x01"


def test_the_calls_of_the_odbc_driver():
    client = connect(Cookies())
    types = ask(client, pb.CommandGetXdbcTypeInfo())
    assert types.num_columns == 19 and "bigint" in types["type_name"].to_pylist()
    assert rows(ask(client, pb.CommandGetXdbcTypeInfo(data_type=12)).select(["type_name"])) == [("string",)]
    # It prepares with one command and executes with another.
    prepare(client, "SELECT count(*) AS c FROM shop.numbers")
    assert rows(ask(client, pb.CommandStatementQuery(query="SELECT count(*) AS c FROM shop.numbers"))) == [(50_000,)]


def test_plain_types_nested_too():
    client = connect()
    sql = "SELECT make_array('a', NULL) AS l, named_struct('t', 'x') AS s, map(['k'], ['v']) AS m, arrow_cast('d', 'Dictionary(Int32, Utf8)') AS d"
    table = ask(client, pb.CommandStatementQuery(query=sql))
    text = str(table.schema)
    assert "view" not in text and "dictionary" not in text and "large" not in text, text
    assert rows(table) == [(["a", None], {"t": "x"}, [("k", "v")], "d")]


def test_messages_are_small_and_named():
    headers = Headers()
    client = connect(headers)
    info = client.get_flight_info(descriptor(pb.CommandStatementQuery(query="SELECT repeat('x', 1000) AS x FROM generate_series(1, 20000)")))
    sizes, total = [], 0
    for chunk in client.do_get(info.endpoints[0].ticket):
        sizes.append(chunk.data.nbytes)
        total += chunk.data.num_rows
    assert total == 20_000 and max(sizes) < 4 << 20, sizes
    assert len(headers.last["x-arachne-query-id"][0]) == 36, headers.last


def test_the_first_rows_come_before_the_last_are_known():
    client = connect()
    sql = "SELECT a.value AS n, repeat('x', 1000) AS x FROM generate_series(1, 10000000000) a"
    info = client.get_flight_info(descriptor(pb.CommandStatementQuery(query=sql)))
    reader = client.do_get(info.endpoints[0].ticket)
    assert reader.read_chunk().data.num_rows > 0
    reader.cancel()


def test_cancelling_by_ticket():
    endless = "SELECT count(*) AS c FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1"
    client = connect()
    for form in ["CancelFlightInfo", "CancelQuery"]:
        info = client.get_flight_info(descriptor(pb.CommandStatementQuery(query=endless)))
        outcome = []

        def read():
            # Not read_all: it takes a cancelled call for Ctrl-C.
            try:
                outcome.append(client.do_get(info.endpoints[0].ticket).read_chunk())
            except REFUSED as error:
                outcome.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(1)
        serialized = info.serialize()
        if form == "CancelQuery":
            (body,) = act(client, form, pb.ActionCancelQueryRequest(info=serialized))
            result = pb.ActionCancelQueryResult.FromString(any_pb2.Any.FromString(body).value).result
        else:
            length, prefix = len(serialized), b"\x0a"
            while length > 127:
                prefix += bytes([length & 127 | 128])
                length >>= 7
            (answer,) = client.do_action(flight.Action(form, prefix + bytes([length]) + serialized))
            result = answer.body.to_pybytes()[1]
        assert result in (1, 2), result
        thread.join(60)
        assert not thread.is_alive() and "cancelled" in str(outcome[0]), outcome
        # Its ticket is of no use any more.
        with lake.raises(REFUSED, "cancelled"):
            client.do_get(info.endpoints[0].ticket).read_chunk()


def test_a_ticket_for_a_change_is_good_once():
    client = connect()
    info = client.get_flight_info(descriptor(pb.CommandStatementQuery(query="CREATE DATABASE once")))
    assert client.do_get(info.endpoints[0].ticket).read_all().num_rows == 0
    assert update(client, pb.CommandStatementUpdate(query="DROP DATABASE once")) == 0
    with lake.raises(Exception, "used before"):
        client.do_get(info.endpoints[0].ticket).read_all()
    assert "once" not in ask(client, pb.CommandGetDbSchemas())["db_schema_name"].to_pylist()
    # Planning carries nothing out.
    client.get_flight_info(descriptor(pb.CommandStatementQuery(query="CREATE DATABASE never")))
    prepare(client, "CREATE DATABASE never")
    assert "never" not in ask(client, pb.CommandGetDbSchemas())["db_schema_name"].to_pylist()


def test_what_nobody_should_send():
    client = connect()
    info = client.get_flight_info(descriptor(pb.CommandStatementQuery(query="SELECT 1 AS one")))
    ticket = info.endpoints[0].ticket.ticket
    changed = bytearray(ticket)
    changed[len(ticket) // 2] ^= 1
    for bad, words in [
        (b"", ""),
        (b"\xff\xff\xff", "no command"),
        (b"garbage", "no command"),
        (ticket[:-5], ""),
        (bytes(changed), "changed"),
        (packed(pb.TicketStatementQuery(statement_handle=b"made up")), "not valid"),
        (packed(pb.TicketStatementQuery(statement_handle=b"")), "not valid"),
        (packed(pb.CommandStatementQuery(query="SELECT 1")), "DoGet does not take CommandStatementQuery"),
        (packed(pb.CommandPreparedStatementQuery(prepared_statement_handle=b"made up")), "not valid"),
    ]:
        with lake.raises(REFUSED, words) as caught:
            client.do_get(flight.Ticket(bad)).read_all()
        assert not isinstance(caught.error, flight.FlightInternalError), (bad, caught.error)
    unknown = any_pb2.Any(type_url="type.googleapis.com/arrow.flight.protocol.sql.CommandMakeCoffee")
    cut = any_pb2.Any(type_url="type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery", value=b"\x0a\xff")
    for bad, words in [
        (flight.FlightDescriptor.for_path("a", "b"), "path"),
        (flight.FlightDescriptor.for_command(b"SELECT 1"), "no command"),
        (flight.FlightDescriptor.for_command(unknown.SerializeToString()), "CommandMakeCoffee"),
        (flight.FlightDescriptor.for_command(cut.SerializeToString()), "cannot be read"),
        (descriptor(pb.CommandStatementUpdate(query="SELECT 1")), "does not take CommandStatementUpdate"),
        (descriptor(pb.CommandStatementQuery(query="")), "no statement"),
        (descriptor(pb.CommandStatementQuery(query="SELECT 1; SELECT 2")), "one statement at a time"),
        (descriptor(pb.CommandStatementQuery(query="SELECT 1", transaction_id=b"t")), "transaction"),
        (descriptor(pb.CommandStatementQuery(query="SELECT '" + "x" * (2 << 20) + "'")), "bytes"),
        (descriptor(pb.CommandPreparedStatementQuery(prepared_statement_handle=b"\x01" * 80)), "not valid"),
    ]:
        with lake.raises(REFUSED, words) as caught:
            client.get_flight_info(bad)
        assert not isinstance(caught.error, flight.FlightInternalError), (bad, caught.error)
    for name, body, words in [
        ("MakeCoffee", b"", "MakeCoffee"),
        ("CreatePreparedStatement", b"garbage", "no command"),
        ("CreatePreparedStatement", packed(pb.CommandGetCatalogs()), "does not take"),
        ("BeginTransaction", packed(pb.ActionBeginTransactionRequest()), "no transactions"),
        ("CancelFlightInfo", b"", "FlightInfo"),
        ("SetSessionOptions", b"\xff", "SetSessionOptionsRequest"),
    ]:
        with lake.raises(REFUSED, words) as caught:
            list(client.do_action(flight.Action(name, body)))
        assert not isinstance(caught.error, flight.FlightInternalError), (name, caught.error)
    # As many messages as it takes to be no parameters.
    prepared, _ = prepare(client, "SELECT ? AS a")
    query = pb.CommandPreparedStatementQuery(prepared_statement_handle=prepared.prepared_statement_handle)
    for batch, words in [
        (pa.record_batch([pa.array(range(2000))], names=["a"]), "rows of parameters"),
        (pa.record_batch([pa.array(["x" * (5 << 20)])], names=["a"]), "bytes"),
    ]:
        with lake.raises(REFUSED, words):
            put(client, query, batch)
    assert rows(ask(client, pb.CommandStatementQuery(query="SELECT 1 AS one"))) == [(1,)]


def test_a_statement_of_a_megabyte_is_taken_and_a_deep_one_is_not():
    client = connect()
    sql = f"SELECT length('{'x' * 1_000_000}') AS n"
    assert rows(ask(client, pb.CommandStatementQuery(query=sql))) == [(1_000_000,)]
    for deep in ["SELECT " + "(" * 20_000 + "1" + ")" * 20_000, "SELECT " + "+".join(["1"] * 50_000)]:
        with lake.raises(REFUSED, "nested too deeply"):
            client.get_flight_info(descriptor(pb.CommandStatementQuery(query=deep)))


def test_actions_are_listed():
    names = {action.type for action in connect().list_actions()}
    assert {"CreatePreparedStatement", "ClosePreparedStatement", "CancelFlightInfo", "SetSessionOptions"} <= names, names


lake.write()
lake.run(globals())
