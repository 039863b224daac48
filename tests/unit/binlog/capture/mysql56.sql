-- MySQL 5.6: row events v2, no row metadata.
USE bt;
INSERT INTO bt.geo VALUES (1,GeomFromText('POINT(1 2)'),GeomFromText('POINT(1.5 -2)',0),GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0))')),
    (2,NULL,NULL,NULL);
CREATE TABLE upd (id INT PRIMARY KEY, a VARCHAR(20), b BINARY(4));
INSERT INTO upd VALUES (1,'stays',0x01);
INSERT INTO upd VALUES (2,'goes',0x0200);
UPDATE upd SET a='uno', b=NULL WHERE id=2;
DELETE FROM upd WHERE id=2;
