-- The files that the .slt files ask about, written by DuckDB below $LAKE. One statement a paragraph; the tables are declared in tables.slt.

-- Three files, the last of them without rows; names with quotes, newlines and other alphabets; nulls in every column but the first.
CREATE TABLE people (id BIGINT, name VARCHAR, age INTEGER, city VARCHAR, salary DECIMAL(10,2), born DATE, seen TIMESTAMP, active BOOLEAN, score DOUBLE);

INSERT INTO people VALUES
    (1, 'Ada', 36, 'London', 5200.50, '1815-12-10', '2024-01-15 08:30:00', true, 9.5),
    (2, 'Björn', 41, 'Malmö', 4100.00, '1983-02-28', '2024-02-29 23:59:59.999', true, 7.25),
    (3, 'Chloé', 29, 'Paris', 3890.75, '1995-07-14', '2024-03-10 12:00:00', false, 8.0),
    (4, 'D''Arcy', 52, 'London', 7000.00, '1972-11-30', '2023-12-31 23:59:59', true, 6.5),
    (5, 'Ezra "Ez" Pound', NULL, 'Venice', NULL, '1885-10-30', NULL, NULL, NULL),
    (6, '李雷', 33, 'Beijing', 4100.00, '1991-01-01', '2024-02-29 00:00:00', true, 7.25),
    (7, E'two\nlines', 18, NULL, 0.00, '2006-06-06', '2024-06-06 06:06:06.006', false, -1.5),
    (8, '', 77, 'Paris', 12.34, '1947-05-05', '1999-12-31 00:00:00', true, 0.0),
    (9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (10, 'Ada', 19, 'Malmö', 2500.10, '2005-03-03', '2024-01-15 08:30:00', false, 9.5),
    (11, 'ÉMILE', 64, 'Paris', 9999999.99, '1960-09-09', '2024-05-05 05:05:05', true, 1e10),
    (12, 'zoë', 36, 'Beijing', -50.25, '1988-08-08', '2024-08-08 08:08:08', true, 3.125);

COPY (FROM people WHERE id <= 7) TO '$LAKE/people/a.parquet';

COPY (FROM people WHERE id > 7) TO '$LAKE/people/b.parquet';

COPY (FROM people WHERE false) TO '$LAKE/people/c.parquet';

-- 120 orders in four files of unlike size: some of nobody, some of people and of products that do not exist.
CREATE TABLE orders AS SELECT
    i AS order_id,
    CASE WHEN i % 11 = 0 THEN NULL WHEN i % 13 = 0 THEN 100 + i ELSE i * 7 % 12 + 1 END AS person_id,
    CASE WHEN i % 17 = 0 THEN NULL ELSE 'P' || (i * 5 % 9) END AS product,
    CAST(i * 3 % 10 AS INTEGER) AS quantity,
    CAST((i * 37 % 500) / 4.0 AS DECIMAL(8,2)) AS price,
    DATE '2024-01-01' + CAST(i * 3 % 366 AS INTEGER) AS ordered,
    CASE i % 4 WHEN 0 THEN 'open' WHEN 1 THEN 'paid' WHEN 2 THEN 'shipped' ELSE NULL END AS status
FROM range(1, 121) t(i);

COPY (FROM orders WHERE order_id <= 10) TO '$LAKE/orders/1.parquet';

COPY (FROM orders WHERE order_id BETWEEN 11 AND 90) TO '$LAKE/orders/2.parquet';

COPY (FROM orders WHERE order_id BETWEEN 91 AND 119) TO '$LAKE/orders/3.parquet' (COMPRESSION zstd);

COPY (FROM orders WHERE order_id = 120) TO '$LAKE/orders/4.parquet' (COMPRESSION uncompressed);

-- One file.
COPY (SELECT code, title, category, CAST(weight AS DOUBLE) AS weight FROM (VALUES
    ('P0', 'anvil', 'tools', 25.5), ('P1', 'bolt', 'parts', 0.01), ('P2', 'chisel', 'tools', 0.4), ('P3', 'drill', 'tools', 2.75),
    ('P4', 'easel', 'art', 3.0), ('P5', 'file', 'tools', 0.25), ('P6', 'glue', NULL, NULL), ('P10', 'hammer', 'tools', 1.5)
    ) t(code, title, category, weight)) TO '$LAKE/products/products.parquet';

-- Keys with duplicates and nulls on both sides.
COPY (FROM (VALUES (1, 'l1'), (2, 'l2'), (2, 'l2b'), (3, 'l3'), (NULL, 'lnull'), (NULL, 'lnull2'), (5, NULL)) t(k, a)) TO '$LAKE/left_side/1.parquet';

COPY (FROM (VALUES (2, 'r2'), (2, 'r2b'), (3, 'r3')) t(k, b)) TO '$LAKE/right_side/1.parquet';

COPY (FROM (VALUES (4, 'r4'), (NULL, 'rnull'), (5, NULL)) t(k, b)) TO '$LAKE/right_side/2.parquet';

-- Every kind of number at its edges.
CREATE TABLE numbers (id INTEGER, t TINYINT, s SMALLINT, i INTEGER, b BIGINT, f FLOAT, d DOUBLE, dec DECIMAL(18,4), big DECIMAL(38,10));

INSERT INTO numbers VALUES
    (1, 127, 32767, 2147483647, 9223372036854775807, 1.5, 1e300, 99999999999999.9999, 1234567890123456789012345678.0123456789),
    (2, -128, -32768, -2147483648, -9223372036854775808, -1.5, -1e300, -99999999999999.9999, -1234567890123456789012345678.0123456789),
    (3, 0, 0, 0, 0, 0.0, 0.0, 0.0000, 0),
    (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (5, 7, 7, 7, 7, 0.1, 0.1, 0.1, 0.0000000001),
    (6, -7, -7, -7, -7, -0.1, -0.1, -2.5, -0.5),
    (7, 1, 1, 1, 1, 'inf', 'inf', 2.5, 0.5),
    (8, 2, 2, 2, 2, '-inf', '-inf', 3.5, 1.5);

COPY (FROM numbers WHERE id % 2 = 1) TO '$LAKE/numbers/odd.parquet';

COPY (FROM numbers WHERE id % 2 = 0) TO '$LAKE/numbers/even.parquet';

-- Dates and timestamps before and after 1970, in leap years, at the ends of months, with fractions of a second.
CREATE TABLE moments (id INTEGER, d DATE, ts TIMESTAMP);

INSERT INTO moments VALUES
    (1, '1970-01-01', '1970-01-01 00:00:00'),
    (2, '1969-12-31', '1969-12-31 23:59:59.999'),
    (3, '2000-02-29', '2000-02-29 12:34:56.789'),
    (4, '1900-03-01', '1900-03-01 00:00:00.001'),
    (5, '2024-12-31', '2024-12-31 23:59:59.999999'),
    (6, '2023-01-31', '2023-01-31 15:00:00'),
    (7, '2023-10-29', '2023-10-29 02:30:00'),
    (8, NULL, NULL),
    (9, '0001-01-01', '0001-01-01 00:00:00'),
    (10, '9999-12-31', '9999-12-31 23:59:59');

COPY (FROM moments WHERE id <= 5) TO '$LAKE/moments/1.parquet';

COPY (FROM moments WHERE id > 5) TO '$LAKE/moments/2.parquet';

-- Arrays, structs and maps, with nulls and empties.
CREATE TABLE nested (id INTEGER, list INTEGER[], words VARCHAR[], spot STRUCT(x INTEGER, y VARCHAR));

INSERT INTO nested VALUES
    (1, [1, 2, 3], ['a', 'b'], {'x': 1, 'y': 'one'}),
    (2, [], [], {'x': 2, 'y': NULL}),
    (3, NULL, NULL, NULL),
    (4, [NULL, 4, 4], ['c d', NULL, ''], {'x': NULL, 'y': 'four'}),
    (5, [5], ['e'], {'x': 5, 'y': 'five'});

COPY (FROM nested WHERE id <= 3) TO '$LAKE/nested/1.parquet';

COPY (FROM nested WHERE id > 3) TO '$LAKE/nested/2.parquet';

-- No rows, and a column more in one of two files.
COPY (FROM orders WHERE false) TO '$LAKE/nothing/nothing.parquet';

COPY (SELECT 1 AS id, 'old' AS a) TO '$LAKE/grown/1.parquet';

COPY (SELECT 2 AS id, 'new' AS a, 7 AS b) TO '$LAKE/grown/2.parquet';

-- Partitions by year and month; one month has two files, one key has no value.
CREATE TABLE visits AS SELECT
    i AS visit_id, i % 12 + 1 AS person_id, '/page/' || (i % 7) AS page, CAST(i * 13 % 1000 AS INTEGER) AS ms,
    TIMESTAMP '2023-10-15 00:00:00' + INTERVAL (i * 31) HOUR AS seen_at
FROM range(0, 90) t(i);

COPY (FROM visits WHERE year(seen_at) = 2023 AND month(seen_at) = 10) TO '$LAKE/visits/year=2023/month=10/a.parquet';

COPY (FROM visits WHERE year(seen_at) = 2023 AND month(seen_at) = 11 AND day(seen_at) <= 15) TO '$LAKE/visits/year=2023/month=11/a.parquet';

COPY (FROM visits WHERE year(seen_at) = 2023 AND month(seen_at) = 11 AND day(seen_at) > 15) TO '$LAKE/visits/year=2023/month=11/b.parquet';

COPY (FROM visits WHERE year(seen_at) = 2023 AND month(seen_at) = 12) TO '$LAKE/visits/year=2023/month=12/a.parquet';

COPY (FROM visits WHERE year(seen_at) = 2024 AND month(seen_at) = 1) TO '$LAKE/visits/year=2024/month=1/a.parquet';

COPY (FROM visits WHERE year(seen_at) = 2024 AND month(seen_at) = 2) TO '$LAKE/visits/year=2024/month=__HIVE_DEFAULT_PARTITION__/a.parquet';

-- Partition values that need escaping in a path.
COPY (SELECT 1 AS n) TO '$LAKE/places/place=S%C3%A3o Paulo/1.parquet';

COPY (SELECT 2 AS n) TO '$LAKE/places/place=a%2Fb%3Dc/1.parquet';

COPY (SELECT 3 AS n UNION ALL SELECT 4) TO '$LAKE/places/place=plain/1.parquet';
