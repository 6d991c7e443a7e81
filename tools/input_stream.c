#include "tools/input_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define RAW_BYTES ((size_t)128 << 10)
#define MAGIC_BYTES 4
#define WINDOW_LOG_MAX 27 /* 128 MB: what `zstd -d` takes without an option */

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };

struct input_stream {
    int fd;
    enum packing packing;
    uint64_t size, taken; /* bytes of the file, 0: unknown; of these, used */
    unsigned char *raw;
    size_t raw_at, raw_size;
    bool ended;   /* the file has no more bytes */
    bool between; /* gzip, zstd: no member or frame is open */
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct error failed; /* why the rest can't be read; it does not come back */
};

/* Makes sure that `wanted` raw bytes are there, or all that are left. */
static enum verdict fill(struct input_stream *stream, size_t wanted, struct error *error)
{
    size_t left = stream->raw_size - stream->raw_at;
    if (left >= wanted || stream->ended)
        return VERDICT_OK;
    memmove(stream->raw, stream->raw + stream->raw_at, left);
    stream->raw_at = 0;
    stream->raw_size = left;
    while (stream->raw_size < wanted && !stream->ended) {
        ssize_t got =
            read(stream->fd, stream->raw + stream->raw_size, RAW_BYTES - stream->raw_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, VERDICT_SKIP, "%s", strerror(errno));
        stream->ended = got == 0;
        stream->raw_size += (size_t)got;
    }
    return VERDICT_OK;
}

static void take(struct input_stream *stream, size_t size)
{
    stream->raw_at += size;
    stream->taken += size;
}

static bool is_gzip(const unsigned char *at, size_t size)
{
    return size >= 2 && at[0] == 0x1F && at[1] == 0x8B;
}

/* A frame, or one to be passed over. */
static bool is_zstd(const unsigned char *at, size_t size)
{
    static const unsigned char frame[] = {0x28, 0xB5, 0x2F, 0xFD}, rest[] = {0x2A, 0x4D, 0x18};
    return size >= MAGIC_BYTES &&
           (memcmp(at, frame, sizeof frame) == 0 ||
            ((at[0] & 0xF0) == 0x50 && memcmp(at + 1, rest, sizeof rest) == 0));
}

enum verdict input_stream_open(const char *path, struct input_stream **ret_stream,
                               struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    struct error inner = {0};
    if (fd < 0)
        return error_set(error, VERDICT_SKIP, "can't open %s: %s", path, strerror(errno));
    struct input_stream *stream = memory_zero(1, sizeof *stream);
    stream->fd = fd;
    stream->raw = memory_get(RAW_BYTES);
    if (!standard && fstat(fd, &status) == 0)
        stream->size = (uint64_t)status.st_size;
    if (fill(stream, MAGIC_BYTES, &inner) != VERDICT_OK) {
        input_stream_close(stream);
        return error_set(error, VERDICT_SKIP, "can't read %s: %s", path, inner.message);
    }
    if (is_gzip(stream->raw, stream->raw_size))
        stream->packing = PACKED_GZIP;
    else if (is_zstd(stream->raw, stream->raw_size))
        stream->packing = PACKED_ZSTD;
    stream->between = true;
    bool ready = true;
    if (stream->packing == PACKED_GZIP)
        ready = inflateInit2(&stream->gzip, 15 + 16) == Z_OK;
    if (stream->packing == PACKED_ZSTD) {
        stream->zstd = ZSTD_createDStream();
        ready = stream->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
                                    stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
    }
    if (!ready) {
        input_stream_close(stream);
        return error_set(error, VERDICT_SKIP, "can't read %s: no memory to unpack it", path);
    }
    *ret_stream = stream;
    return VERDICT_OK;
}

void input_stream_close(struct input_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->packing == PACKED_GZIP)
        inflateEnd(&stream->gzip);
    ZSTD_freeDStream(stream->zstd);
    close(stream->fd);
    free(stream->raw);
    free(stream);
}

static enum verdict read_plain(struct input_stream *stream, char *to, size_t size, size_t *ret_size)
{
    size_t left = stream->raw_size - stream->raw_at;
    *ret_size = left < size ? left : size;
    memcpy(to, stream->raw + stream->raw_at, *ret_size);
    take(stream, *ret_size);
    return VERDICT_OK;
}

static enum verdict refuse_end(struct error *error)
{
    return error_set(error, VERDICT_SKIP, "unexpected end of the compressed data");
}

/* `left`: bytes behind a member or frame, which begin no other one. */
static enum verdict refuse_rest(size_t left, struct error *error)
{
    if (left < MAGIC_BYTES)
        return refuse_end(error);
    return error_set(error, VERDICT_SKIP,
                     "bytes that are not compressed follow the compressed data");
}

static enum verdict read_gzip(struct input_stream *stream, char *to, size_t size, size_t *ret_size,
                              struct error *error)
{
    z_stream *gzip = &stream->gzip;
    size_t left = stream->raw_size - stream->raw_at;
    if (stream->between) {
        if (!is_gzip(stream->raw + stream->raw_at, left))
            return refuse_rest(left, error);
        inflateReset(gzip);
        stream->between = false;
    }
    gzip->next_in = stream->raw + stream->raw_at;
    gzip->avail_in = (uInt)left;
    gzip->next_out = (Bytef *)to;
    gzip->avail_out = (uInt)size;
    int code = inflate(gzip, Z_NO_FLUSH);
    take(stream, left - gzip->avail_in);
    *ret_size = size - gzip->avail_out;
    if (code == Z_STREAM_END)
        stream->between = true;
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return error_set(error, VERDICT_SKIP, "%s", gzip->msg ? gzip->msg : "damaged gzip data");
    return VERDICT_OK;
}

static enum verdict read_zstd(struct input_stream *stream, char *to, size_t size, size_t *ret_size,
                              struct error *error)
{
    size_t left = stream->raw_size - stream->raw_at;
    ZSTD_inBuffer in = {stream->raw + stream->raw_at, left, 0};
    ZSTD_outBuffer out = {to, size, 0};
    if (stream->between && !is_zstd(stream->raw + stream->raw_at, left))
        return refuse_rest(left, error);
    size_t hint = ZSTD_decompressStream(stream->zstd, &out, &in);
    if (ZSTD_isError(hint))
        return error_set(error, VERDICT_SKIP, "damaged zstd data (%s)", ZSTD_getErrorName(hint));
    take(stream, in.pos);
    *ret_size = out.pos;
    stream->between = hint == 0;
    return VERDICT_OK;
}

static enum verdict read_more(struct input_stream *stream, char *to, size_t size, size_t *ret_size,
                              struct error *error)
{
    size_t got = 0;
    while (got == 0) {
        enum verdict verdict = fill(stream, MAGIC_BYTES, error);
        if (verdict != VERDICT_OK)
            return verdict;
        bool empty = stream->raw_at == stream->raw_size;
        if (empty && stream->between)
            break;
        uint64_t before = stream->taken;
        if (stream->packing == PACKED_GZIP)
            verdict = read_gzip(stream, to, size, &got, error);
        else if (stream->packing == PACKED_ZSTD)
            verdict = read_zstd(stream, to, size, &got, error);
        else
            verdict = read_plain(stream, to, size, &got);
        if (verdict != VERDICT_OK)
            return verdict;
        if (got == 0 && stream->taken == before && stream->ended && !stream->between)
            return refuse_end(error);
    }
    *ret_size = got;
    return VERDICT_OK;
}

enum verdict input_stream_read(struct input_stream *stream, char *to, size_t size, size_t *ret_size,
                               struct error *error)
{
    if (stream->failed.message[0] == '\0' &&
        read_more(stream, to, size, ret_size, &stream->failed) == VERDICT_OK)
        return VERDICT_OK;
    return error_set(error, VERDICT_SKIP, "%s", stream->failed.message);
}

double input_stream_share(const struct input_stream *stream)
{
    return stream->size == 0 ? 0 : (double)stream->taken / (double)stream->size;
}
