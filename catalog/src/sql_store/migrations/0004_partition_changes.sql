-- Counts every change of a partition, whoever makes it: who remembers partitions sees by it whether they are still the same.
CREATE TABLE partition_changes (count INTEGER NOT NULL) STRICT;

INSERT INTO partition_changes VALUES (0);

CREATE TRIGGER partition_added AFTER INSERT ON partitions
BEGIN UPDATE partition_changes SET count = count + 1; END;

CREATE TRIGGER partition_changed AFTER UPDATE ON partitions
BEGIN UPDATE partition_changes SET count = count + 1; END;

CREATE TRIGGER partition_dropped AFTER DELETE ON partitions
BEGIN UPDATE partition_changes SET count = count + 1; END;
