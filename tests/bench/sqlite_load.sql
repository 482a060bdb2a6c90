-- Workload: an in-memory database.  Run by the bench driver through the sqlite3 shell.
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, category INTEGER, price REAL, note TEXT);
CREATE TABLE sale(id INTEGER PRIMARY KEY, item INTEGER, day INTEGER, count INTEGER);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
  INSERT INTO item SELECT i, 'item ' || (i * 7919 % 30011), i * 31 % 113, i * 1.25, printf('%.*c', 10 + i % 90, 'x') FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
  INSERT INTO sale SELECT i, i * 48271 % 50000 + 1, i % 365, i % 17 FROM n;
COMMIT;
CREATE INDEX item_name ON item(name);
CREATE INDEX sale_item ON sale(item, day);
SELECT category, count(*), sum(price * count) FROM sale JOIN item ON item.id = sale.item GROUP BY category ORDER BY 3 DESC LIMIT 5;
SELECT day, group_concat(DISTINCT category) AS c FROM sale JOIN item ON item.id = sale.item WHERE day < 20 GROUP BY day ORDER BY length(c) LIMIT 1;
SELECT a.name, count(*) FROM item a JOIN item b ON b.category = a.category AND b.id < a.id AND b.id % 50 = 0 GROUP BY a.category ORDER BY 2 DESC, 1 LIMIT 3;
UPDATE item SET note = upper(note) || name WHERE category % 2 = 0;
DELETE FROM sale WHERE day % 3 = 0;
SELECT count(*), sum(length(note)) FROM item;
SELECT count(*) FROM sale;
