"""ADBC over TLS, with a password: the server's own certificate is trusted by its file."""

import os
import pathlib

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as flight_sql

import lake

ROOT_CERTS = adbc_driver_flightsql.DatabaseOptions.TLS_ROOT_CERTS.value
CERTIFICATE = pathlib.Path(os.environ["CERTIFICATE"]).read_text()
WHO = {"username": "ann", "password": os.environ["ANN"]}


def test_a_certificate_that_is_known_is_trusted():
    options = {**WHO, ROOT_CERTS: CERTIFICATE}
    with flight_sql.connect(f"grpc+tls://{lake.ADDRESS}", autocommit=True, db_kwargs=options) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 AS one")
            assert cursor.fetchall() == [(1,)]
        assert connection.adbc_get_info()["vendor_name"] == "Arachne"


def test_one_that_is_not_known_is_not_and_nothing_is_said_in_the_clear():
    for uri in [f"grpc+tls://{lake.ADDRESS}", f"grpc://{lake.ADDRESS}"]:
        with lake.raises(flight_sql.Error, ""):
            with flight_sql.connect(uri, autocommit=True, db_kwargs=WHO) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1 AS one")


lake.run(globals())
