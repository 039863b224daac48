-- MariaDB's own types, compressed columns and events.
USE bt;
INSERT INTO bt.geo VALUES (1,GeomFromText('POINT(1 2)'),GeomFromText('POINT(1.5 -2)',4326),GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0))')),
    (2,NULL,NULL,NULL);
CREATE TABLE bt.maria (id INT PRIMARY KEY, u UUID, i6 INET6, i4 INET4, vc VARCHAR(500) COMPRESSED, tx TEXT COMPRESSED, bl BLOB COMPRESSED, js JSON, vg INT AS (id+1) VIRTUAL, sg INT AS (id+2) STORED, iv INT INVISIBLE DEFAULT 7);
INSERT INTO bt.maria (id,u,i6,i4,vc,tx,bl,js) VALUES (1,'123e4567-e89b-12d3-a456-426655440000','2001:db8::ff00:42:8329','192.0.2.1',REPEAT('abc',100),REPEAT('text ',500),REPEAT(0x00,1000),'{"a":1}'),
    (2,'00000000-0000-0000-0000-000000000000','::','0.0.0.0','','','','[]'),
    (3,'ffffffff-ffff-ffff-ffff-ffffffffffff','::ffff:1.2.3.4','255.255.255.0','short','s','b',NULL),
    (4,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
    (5,'0192f0a0-1c00-7000-8000-000000000000','fe80::','10.0.0.0','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','x','y','1'),
    (6,'6ba7b810-9dad-11d1-80b4-00c04fd430c8','::1','127.0.0.1',NULL,REPEAT('x',3000),NULL,NULL),
    (7,'6ba7b810-9dad-41d1-00b4-00c04fd430c8','1::','1.0.0.0',NULL,NULL,NULL,NULL),
    (8,'a4a10000-8a00-6a00-8a00-0a0000000000','::1:0','1.0.0.0',NULL,NULL,NULL,NULL);
CREATE TABLE bt.uhash (id INT PRIMARY KEY, b BLOB UNIQUE, x INT);
INSERT INTO bt.uhash VALUES (1,'abc',5);
CREATE TABLE upd (id INT PRIMARY KEY, a VARCHAR(20), b BINARY(4));
SET GLOBAL log_bin_compress=ON, GLOBAL log_bin_compress_min_len=10;
INSERT INTO upd VALUES (1,'stays',0x01);
CREATE TABLE comp (id INT PRIMARY KEY, a LONGTEXT);
INSERT INTO comp VALUES (1,REPEAT('a',1000)),(2,'b');
INSERT INTO comp VALUES (3,REPEAT('a',1000));
UPDATE comp SET a=REPEAT('c',300) WHERE id=3;
DELETE FROM comp WHERE id=3;
SET GLOBAL log_bin_compress=OFF;
