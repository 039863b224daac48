#include "store/metric.h"

#include <string.h>

#include "store/db.h"

#include "base/banned.h"

#define TEXT_(sym, text) [sym] = text,
static const char *const texts[] = { METRIC_TABLE(TEXT_) };
#undef TEXT_

/* f(0), f(1), … of every column; the schema has as many (v6). */
#define EACH(f)                                                                                    \
    f(0) "," f(1) "," f(2) "," f(3) "," f(4) "," f(5) "," f(6) "," f(7) "," f(8) "," f(9) "," f(   \
        10) "," f(11) "," f(12) "," f(13) "," f(14)
_Static_assert(METRIC_MAX_ == 15, "EACH() and the tables have a column for each");

const char *metric_text(enum metric m)
{
    return (unsigned)m < METRIC_MAX_ ? texts[m] : "";
}

bool metric_parse(const char *text, enum metric *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i], text) == 0) {
            *ret = (enum metric)i;
            return true;
        }
    return false;
}

unsigned metric_of_step(const char *step)
{
    enum {
        COPY = 1U << METRIC_RPS | 1U << METRIC_IOPS | 1U << METRIC_SOURCE_READ_TIME |
               1U << METRIC_SOURCE_SLICE_TIME | 1U << METRIC_SINK_EXECUTE_TIME |
               1U << METRIC_THROTTLED,
        APPLY = 1U << METRIC_RPS | 1U << METRIC_IOPS | 1U << METRIC_DELAY |
                1U << METRIC_SINK_EXECUTE_TIME | 1U << METRIC_SINK_COMMIT_TIME |
                1U << METRIC_SOURCE_READ_LAG | 1U << METRIC_APPLY_LAG | 1U << METRIC_THROTTLED |
                1U << METRIC_QUEUE,
        PULL = 1U << METRIC_IOPS | 1U << METRIC_SOURCE_READ_LAG,
        VERIFY = 1U << METRIC_VERIFY_SOURCE_RPS | 1U << METRIC_VERIFY_SOURCE_IOPS |
                 1U << METRIC_VERIFY_DEST_RPS | 1U << METRIC_VERIFY_DEST_IOPS,
    };
    static const struct {
        const char *step;
        unsigned set;
    } rows[] = {
        { "FULL_TRANSFER", COPY },          { "INCR_TRANSFER", APPLY },
        { "REVERSE_INCR_TRANSFER", APPLY }, { "TRANSFER_INCR_LOG_PULL", PULL },
        { "FULL_VERIFIER", VERIFY },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].step, step) == 0)
            return rows[i].set;
    return 0;
}

/* ---------------------------------------------------------------------- writing */

static int add_series(struct db *h, const struct metric_sample *s, struct err *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO metric_series (project_id, step)"
                              " SELECT id, ?2 FROM project WHERE id = ?1 AND status <> 'DELETED'";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, s->project_id);
    query_text(&q, 2, s->step);
    return query_run(&q, err);
}

#define PARAMETERS "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18"
enum { FIRST_PARAMETER = 4 };

static int add_point(struct db *h, const struct metric_sample *s, int64_t *ret_rows,
                     struct err *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO metric_raw SELECT id, ?3, " PARAMETERS
                              " FROM metric_series WHERE project_id = ?1 AND step = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, s->project_id);
    query_text(&q, 2, s->step);
    query_i64(&q, 3, s->at);
    for (int m = 0; m < METRIC_MAX_; m++)
        if ((s->has & 1U << m) != 0) /* the others stay NULL */
            query_double(&q, FIRST_PARAMETER + m, s->values[m]);
    if (query_run(&q, err) < 0)
        return -1;
    *ret_rows = db_changes(h);
    return 0;
}

static int put_all(struct db *h, const struct metric_sample *samples, size_t count, struct err *err)
{
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (txn_begin(&t, h, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int64_t rows = 0;
        if (add_point(h, &samples[i], &rows, err) < 0)
            return -1;
        if (rows == 0 &&
            (add_series(h, &samples[i], err) < 0 || add_point(h, &samples[i], &rows, err) < 0))
            return -1;
    }
    return txn_commit(&t, err);
}

int store_metric_put(struct store *st, const struct metric_sample *samples, size_t count,
                     struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (count == 0)
        return 0;
    if (store_borrow_relaxed(st, &l, err) < 0)
        return -1;
    return put_all(l.db, samples, count, err);
}

/* ---------------------------------------------------------------------- closing and removing */

static int get_upto(struct db *h, const char *level, int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT upto FROM metric_rolled WHERE level = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, level);
    r = query_step(&q, err);
    *ret = r > 0 ? query_get_i64(&q, 0) : 0;
    return r < 0 ? -1 : 0;
}

static int set_upto(struct db *h, const char *level, int64_t upto, struct err *err)
{
    static const char sql[] = "INSERT INTO metric_rolled (level, upto) VALUES (?1, ?2)"
                              " ON CONFLICT (level) DO UPDATE SET upto = excluded.upto";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, level);
    query_i64(&q, 2, upto);
    return query_run(&q, err);
}

/* A statement over times from ?1 to before ?2. */
static int over_span(struct db *h, const char *sql, int64_t from, int64_t to, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, from);
    query_i64(&q, 2, to);
    return query_run(&q, err);
}

static int roll_level(struct db *h, const char *level, const char *sql, int64_t to,
                      int64_t *ret_upto, struct err *err)
{
    int64_t from;

    if (get_upto(h, level, &from, err) < 0)
        return -1;
    *ret_upto = from;
    if (from > to + METRIC_HALF_HOUR_S) { /* the clock was set back */
        *ret_upto = to;
        return set_upto(h, level, to, err);
    }
    if (from >= to)
        return 0;
    *ret_upto = to;
    return over_span(h, sql, from, to, err) < 0 ? -1 : set_upto(h, level, to, err);
}

#define COUNT_(i) "COUNT(v" #i ")"
#define MEAN_(i) "AVG(v" #i ")"
#define LARGEST_(i) "MAX(v" #i ")"
#define ROLL_COUNT_(i) "TOTAL(n" #i ")"
#define ROLL_MEAN_(i) "SUM(n" #i " * v" #i ") / SUM(n" #i ")"
#define ROLL_LARGEST_(i) "MAX(x" #i ")"

static int roll(struct db *h, int64_t now, int64_t *ret_minutes, int64_t *ret_half_hours,
                struct err *err)
{
    static const char minutes[] =
        "INSERT OR REPLACE INTO metric_minute SELECT r.series, r.at / 60 * 60, " EACH(
            COUNT_) ", " EACH(MEAN_) ", " EACH(LARGEST_) " FROM metric_series s JOIN metric_raw r"
                                                         " ON r.series = s.id AND r.at >= ?1 AND "
                                                         "r.at < ?2 GROUP BY r.series, r.at / 60";
    static const char half_hours[] =
        "INSERT OR REPLACE INTO metric_half_hour SELECT r.series, r.at / 1800 * "
        "1800, " EACH(ROLL_COUNT_) ", " EACH(ROLL_MEAN_) ", " EACH(
            ROLL_LARGEST_) " FROM metric_series s JOIN metric_minute r"
                           " ON r.series = s.id AND r.at >= ?1 AND r.at < ?2 GROUP "
                           "BY r.series, r.at / 1800";
    int64_t to = (now - METRIC_SETTLE_S) / METRIC_MINUTE_S * METRIC_MINUTE_S;

    if (roll_level(h, "minute", minutes, to, ret_minutes, err) < 0)
        return -1;
    to = *ret_minutes / METRIC_HALF_HOUR_S * METRIC_HALF_HOUR_S;
    return roll_level(h, "half_hour", half_hours, to, ret_half_hours, err);
}

int store_metric_roll(struct store *st, int64_t now, struct err *err)
{
    static const char raw[] = "DELETE FROM metric_raw WHERE at >= ?1 AND at < ?2"
                              " AND series IN (SELECT id FROM metric_series)";
    static const char minute[] = "DELETE FROM metric_minute WHERE at >= ?1 AND at < ?2"
                                 " AND series IN (SELECT id FROM metric_series)";
    static const char half_hour[] = "DELETE FROM metric_half_hour WHERE at >= ?1 AND at < ?2"
                                    " AND series IN (SELECT id FROM metric_series)";
    int64_t minutes = 0, half_hours = 0;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    /* never what has not been put together yet */
    if (store_borrow_relaxed(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        roll(l.db, now, &minutes, &half_hours, err) < 0 ||
        over_span(l.db, raw, 0, MIN(now - METRIC_RAW_KEPT_S, minutes), err) < 0 ||
        over_span(l.db, minute, 0, MIN(now - METRIC_MINUTE_KEPT_S, half_hours), err) < 0 ||
        over_span(l.db, half_hour, 0, now - METRIC_HALF_HOUR_KEPT_S, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

/* ---------------------------------------------------------------------- reading */

struct reading {
    struct db *db;
    const char *project_id, *step;
    enum metric m;
    struct metric_point *points;
    size_t count, cap;
};

static int add(struct reading *r, const struct metric_point *p, struct err *err)
{
    if (r->count == r->cap) {
        size_t cap = r->cap == 0 ? 1024 : r->cap * 2;
        struct metric_point *more = reallocarray(r->points, cap, sizeof(*more));
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        r->points = more;
        r->cap = cap;
    }
    r->points[r->count++] = *p;
    return 0;
}

#define CHOOSE(p)                                                                                  \
    "CASE ?5 WHEN 0 THEN " p "0 WHEN 1 THEN " p "1 WHEN 2 THEN " p "2 WHEN 3 THEN " p              \
    "3 WHEN 4 THEN " p "4 WHEN 5 THEN " p "5 WHEN 6 THEN " p "6 WHEN 7 THEN " p "7 WHEN 8 THEN " p \
    "8 WHEN 9 THEN " p "9 WHEN 10 THEN " p "10 WHEN 11 THEN " p "11 WHEN 12 THEN " p               \
    "12 WHEN 13 THEN " p "13 WHEN 14 THEN " p "14 END"
#define OF_SERIES                                                                                  \
    " WHERE series = (SELECT id FROM metric_series WHERE project_id = ?1 AND step = ?2)"           \
    " AND at >= ?3 AND at < ?4) WHERE v IS NOT NULL ORDER BY at"

/* From `from` to before `to`. */
static int read_level(struct reading *r, const char *sql, int64_t from, int64_t to, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };
    int got;

    if (from >= to)
        return 0;
    if (query_open(&q, r->db, sql, err) < 0)
        return -1;
    query_text(&q, 1, r->project_id);
    query_text(&q, 2, r->step);
    query_i64(&q, 3, from);
    query_i64(&q, 4, to);
    query_i64(&q, 5, r->m);
    while ((got = query_step(&q, err)) > 0) {
        double n = query_get_double(&q, 1), mean = query_get_double(&q, 2);
        struct metric_point p = { query_get_i64(&q, 0), n, n * mean, query_get_double(&q, 3) };
        if (add(r, &p, err) < 0)
            return -1;
    }
    return got < 0 ? -1 : 0;
}

static int read_all(struct reading *r, int64_t begin, int64_t end, int width, struct err *err)
{
    static const char raw[] =
        "SELECT at, 1, v, v FROM (SELECT at, " CHOOSE("v") " AS v FROM metric_raw" OF_SERIES;
    static const char minute[] = "SELECT at, n, v, x FROM (SELECT at, " CHOOSE(
        "n") " AS n, " CHOOSE("v") " AS v, " CHOOSE("x") " AS x FROM metric_minute" OF_SERIES;
    static const char half_hour[] = "SELECT at, n, v, x FROM (SELECT at, " CHOOSE(
        "n") " AS n, " CHOOSE("v") " AS v, " CHOOSE("x") " AS x FROM metric_half_hour" OF_SERIES;
    int64_t minutes = 0, half_hours = 0, to = end + 1;

    if (get_upto(r->db, "minute", &minutes, err) < 0 ||
        get_upto(r->db, "half_hour", &half_hours, err) < 0)
        return -1;
    /* each level goes on where the coarser one has not been closed yet */
    half_hours = width == METRIC_HALF_HOUR_S ? half_hours : begin;
    minutes = width >= METRIC_MINUTE_S ? minutes : begin;
    if (read_level(r, half_hour, begin, MIN(half_hours, to), err) < 0 ||
        read_level(r, minute, MAX(begin, half_hours), MIN(minutes, to), err) < 0)
        return -1;
    return read_level(r, raw, MAX(begin, MAX(minutes, half_hours)), to, err);
}

int store_metric_read(struct store *st, const char *project_id, const char *step, enum metric m,
                      int64_t begin, int64_t end, int64_t now, struct metric_point **ret,
                      size_t *ret_count, int *ret_width, struct err *err)
{
    int width = begin >= now - METRIC_RAW_KEPT_S      ? 1
                : begin >= now - METRIC_MINUTE_KEPT_S ? METRIC_MINUTE_S
                                                      : METRIC_HALF_HOUR_S;
    _cleanup_(store_return)
    struct lease l = { 0 };
    struct reading r = { .project_id = project_id, .step = step, .m = m };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    r.db = l.db;
    if (read_all(&r, begin, end, width, err) < 0) {
        free(r.points);
        return -1;
    }
    *ret = r.points;
    *ret_count = r.count;
    *ret_width = width;
    return 0;
}

/*
 * Points of one bucket, aligned to multiples of its width, become one. A span of s seconds touches
 * (s - 1) / w + 2 buckets of w seconds at most; with w = s / (most - 1), rounded up, that is
 * `most`.
 */
size_t metric_thin(struct metric_point *points, size_t count, int64_t begin, int64_t end, int width,
                   size_t most)
{
    int64_t w = width, span = MAX(end - begin, (int64_t)1);
    size_t kept = 0;

    if (most >= 2)
        w = MAX(w, (span + (int64_t)most - 2) / ((int64_t)most - 1));
    for (size_t i = 0; i < count; i++) {
        int64_t at = MAX(points[i].at / w * w, begin);
        struct metric_point *last = kept > 0 ? &points[kept - 1] : NULL;
        if (last == NULL || last->at != at) {
            points[kept] = points[i];
            points[kept++].at = at;
            continue;
        }
        last->count += points[i].count;
        last->sum += points[i].sum;
        last->max = MAX(last->max, points[i].max);
    }
    return kept;
}
