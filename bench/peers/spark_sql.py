"""DuckDB's spelling in that of Spark's SQL, for the engines that speak it."""

import re

# A string, or a name in double quotes: Spark's SQL writes the second with backticks.
QUOTED = re.compile(r"""('(?:[^']|'')*')|"([^"]*)\"""")


def spark_sql(sql):
    return QUOTED.sub(lambda found: string(found[1]) if found[1] else f"`{found[2]}`", sql.rstrip().rstrip(";"))


def string(quoted):
    """A backslash begins an escape in Spark's strings, and a group of a regular expression is $1."""
    return re.sub(r"\\(\d)", r"$\1", quoted).replace("\\", "\\\\")


def columns(pairs):
    """Names and types as a schema in words."""
    return ", ".join(f"`{name}` {spark_type(of_type)}" for name, of_type in pairs)


def spark_type(name):
    return {"varchar": "string", "timestamp": "timestamp_ntz"}.get(name, name)
