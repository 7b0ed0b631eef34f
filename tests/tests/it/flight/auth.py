"""Who comes in through the Flight SQL door, and that tickets and handles are good for nobody else.

Users: ann, who may do everything, and ben, who may read shop.numbers.
"""

import os

import adbc_driver_flightsql.dbapi as flight_sql
from pyarrow import flight

import lake

PASSWORDS = {name: os.environ[name.upper()] for name in ("ann", "ben")}


def connect(user, password=None):
    return flight_sql.connect(
        lake.URI, autocommit=True, db_kwargs={"username": user, "password": password or PASSWORDS[user]}
    )


def raw(user):
    client = flight.FlightClient(f"grpc+tcp://{lake.ADDRESS}")
    header = client.authenticate_basic_token(user, PASSWORDS[user])
    return client, flight.FlightCallOptions(headers=[header])


def test_a_password_gets_in_and_a_wrong_one_does_not():
    with connect("ann") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one")
        assert cursor.fetchall() == [(1,)]
    for user, password in [("ann", "wrong"), ("nobody", "wrong")]:
        with lake.raises(flight_sql.Error, "the user or the password is wrong"):
            connect(user, password)


def test_who_says_nothing_gets_nothing():
    client = flight.FlightClient(f"grpc+tcp://{lake.ADDRESS}")
    for call in [
        lambda: client.get_flight_info(flight.FlightDescriptor.for_command(b"")),
        lambda: client.do_get(flight.Ticket(b"")).read_all(),
        lambda: list(client.do_action(flight.Action("CloseSession", b""))),
        lambda: client.list_actions(),
    ]:
        with lake.raises(flight.FlightUnauthenticatedError, "who you are"):
            call()


class EmptyPayload(flight.ClientAuthHandler):
    """As JDBC's and ODBC's drivers shake hands when they have a token: it is in the headers, and they have nothing else to say."""

    def authenticate(self, outgoing, incoming):
        outgoing.write(b"")
        self.token = incoming.read()

    def get_token(self):
        return b""


def test_the_token_of_the_handshake_is_enough_and_a_made_up_one_is_not():
    client, options = raw("ann")
    assert list(client.list_actions(options))
    handler = EmptyPayload()
    client.authenticate(handler, options)
    assert handler.token.startswith(b"v1."), handler.token
    renewed = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + handler.token)])
    assert list(flight.FlightClient(f"grpc+tcp://{lake.ADDRESS}").list_actions(renewed))
    wrong = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer v1.YW5u.99999999999999.AAAA")])
    with lake.raises(flight.FlightUnauthenticatedError, "token"):
        list(flight.FlightClient(f"grpc+tcp://{lake.ADDRESS}").list_actions(wrong))


def test_tickets_and_handles_of_others_are_good_for_nothing():
    with connect("ann") as connection, connection.cursor() as cursor:
        partitions, _ = cursor.adbc_execute_partitions("SELECT 1 AS one")
    with connect("ben") as connection, connection.cursor() as cursor:
        with lake.raises(flight_sql.Error, "another user"):
            cursor.adbc_read_partition(partitions[0])
            cursor.fetchall()
    with connect("ann") as connection, connection.cursor() as cursor:
        cursor.adbc_read_partition(partitions[0])
        assert cursor.fetchall() == [(1,)]


def test_everybody_sees_and_does_what_they_may():
    def tables(connection):
        (catalog,) = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
        schemas = catalog["catalog_db_schemas"]
        return {schema["db_schema_name"]: [table["table_name"] for table in schema["db_schema_tables"]] for schema in schemas}

    with connect("ann") as connection, connection.cursor() as cursor:
        for statement in lake.ddl():
            cursor.execute(statement)
        assert tables(connection) == {"default": ["every_type"], "shop": ["big_numbers", "numbers"]}
    with connect("ben") as connection, connection.cursor() as cursor:
        assert tables(connection) == {"default": [], "shop": ["numbers"]}
        cursor.execute("SELECT count(*) FROM shop.numbers")
        assert cursor.fetchone() == (50_000,)
        for sql, words in [
            ("SELECT count(*) FROM every_type", "does not exist"),
            ("DROP TABLE shop.numbers", "permission denied"),
            ("CREATE DATABASE mine", "permission denied"),
            ("SET arachne.exchange = 's3://mine/'", "permission denied"),
        ]:
            with lake.raises(flight_sql.Error, words):
                cursor.execute(sql)


lake.write()
lake.run(globals())
