/* The disk is full from each write of a store's files on, in a run of its own. No write is lost
 * that was reported as done, the process goes on, and the store says that the disk is full. When
 * there is room again, the store opens and the work goes on: each event has one effect.
 *
 * The functions below stand before the C library's in the whole program, RocksDB included. */
#include "tests/fake_world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define EVENTS 20
#define RUNS_MAX 40 /* by default; with WEFT_TEST_LONG=1 each place is tried */
#define FILES_MAX 1024

static const char *disk; /* the folder that is on the full disk; NULL: none. RocksDB has threads,
                          * which are gone while this changes */
static atomic_bool on_disk[FILES_MAX];
static atomic_long used, room; /* calls that take room on the disk, and how many of them succeed */

static bool is_below(const char *path)
{
    return disk && strncmp(path, disk, strlen(disk)) == 0;
}

static bool is_full(bool counts)
{
    if (!counts || atomic_fetch_add(&used, 1) < atomic_load(&room))
        return false;
    errno = ENOSPC;
    return true;
}

static bool is_on_disk(int fd)
{
    return disk && fd >= 0 && fd < FILES_MAX && atomic_load(&on_disk[fd]);
}

/* The next definition of this function: the C library's. */
#define NEXT(name) next_##name = (type_##name *)(uintptr_t)dlsym(RTLD_NEXT, #name)

typedef int type_open(const char *path, int flags, ...);
int open(const char *path, int flags, ...)
{
    type_open *NEXT(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (is_full(is_below(path) && (flags & O_CREAT) && access(path, F_OK) != 0))
        return -1;
    int fd = next_open(path, flags, mode);
    if (fd >= 0 && fd < FILES_MAX)
        atomic_store(&on_disk[fd], is_below(path));
    return fd;
}

typedef ssize_t type_write(int fd, const void *from, size_t size);
ssize_t write(int fd, const void *from, size_t size)
{
    type_write *NEXT(write);
    return is_full(is_on_disk(fd)) ? -1 : next_write(fd, from, size);
}

typedef ssize_t type_pwrite(int fd, const void *from, size_t size, off_t offset);
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset)
{
    type_pwrite *NEXT(pwrite);
    return is_full(is_on_disk(fd)) ? -1 : next_pwrite(fd, from, size, offset);
}

typedef int type_fallocate(int fd, int mode, off_t offset, off_t size);
int fallocate(int fd, int mode, off_t offset, off_t size)
{
    type_fallocate *NEXT(fallocate);
    return is_full(is_on_disk(fd)) ? -1 : next_fallocate(fd, mode, offset, size);
}

typedef int type_mkdir(const char *path, mode_t mode);
int mkdir(const char *path, mode_t mode)
{
    type_mkdir *NEXT(mkdir);
    return is_full(is_below(path) && access(path, F_OK) != 0) ? -1 : next_mkdir(path, mode);
}

static void open_disk(struct world *world, const char *path)
{
    struct guard *guard = &world->guards[0];
    struct error error = {0};
    guard->inner->free(guard->inner);
    guard->inner = NULL;
    guard->store.write = plain_write; /* the judge reads often, which is slow here */
    enum verdict verdict = store_rocksdb_open(path, false, &guard->inner, &error);
    CHECK_SAY(verdict == VERDICT_OK, "%s", error.message);
    if (verdict != VERDICT_OK)
        exit(test_done());
}

static void fill_disk(const char *path, long room_left)
{
    atomic_store(&used, 0);
    atomic_store(&room, room_left);
    disk = path;
}

/* Opens the store on a disk that may be full. Returns whether it opened; it opens later in any
 * case. */
static bool open_when_full(const char *path, long room_left)
{
    struct store *store = NULL;
    struct error error = {0};
    fill_disk(path, room_left);
    enum verdict verdict = store_rocksdb_open(path, false, &store, &error);
    if (verdict == VERDICT_OK)
        store->free(store);
    else
        CHECK_SAY(verdict == VERDICT_SKIP, "verdict %d: %s", verdict, error.message);
    if (verdict == VERDICT_SKIP)
        CHECK_CONTAINS(error.message, "free space on the disk of state.dir");
    disk = NULL;
    return verdict == VERDICT_OK;
}

/* Returns the number of calls that took room. */
static long live_on_disk(long room_left)
{
    char *folder = test_new_folder(), path[300];
    struct world *world = world_new(small);
    snprintf(path, sizeof path, "%s/visitors", folder);
    fill_disk(path, INT32_MAX);
    open_disk(world, path);
    world_fill(world, EVENTS);
    fake_assign_all(world->broker, "a");
    fill_disk(path, room_left);
    world_live(world, 0, NULL);
    CHECK_INT(world->failed, store_rocksdb_full(world->guards[0].inner));
    long calls = atomic_load(&used);
    CHECK_INT(world->failed, calls > room_left);
    if (world->failed) { /* the disk is still full when the store is closed and opened again */
        world->guards[0].inner->free(world->guards[0].inner);
        world->guards[0].inner = store_memory_new();
        CHECK(!open_when_full(path, 0));
    }
    disk = NULL;
    open_disk(world, path);
    world_finish(world, 0);
    world_free(world);
    test_remove_folder(folder);
    free(folder);
    return calls;
}

static void test_a_full_disk_in_mid_work(void)
{
    long calls = live_on_disk(INT32_MAX);
    CHECK(calls > 3);
    for (long room_left = 0; room_left < calls; room_left += test_stride(calls, RUNS_MAX))
        live_on_disk(room_left);
}

static void test_opening_on_a_full_disk(void)
{
    char *folder = test_new_folder(), path[300];
    snprintf(path, sizeof path, "%s/visitors", folder);
    for (int round = 0; round < 2; round++) { /* a new store, and one that is there */
        bool opened = false;
        for (long room_left = 0; !opened; room_left++) {
            if (round == 0)
                CHECK(store_rocksdb_remove(path, NULL) == VERDICT_OK);
            opened = open_when_full(path, room_left);
            CHECK(room_left < 1000);
        }
        struct store *store = NULL;
        struct error error = {0};
        CHECK_SAY(store_rocksdb_open(path, false, &store, &error) == VERDICT_OK, "%s",
                  error.message);
        store->free(store);
    }
    test_remove_folder(folder);
    free(folder);
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_opening_on_a_full_disk);
    TEST_RUN(test_a_full_disk_in_mid_work);
    return test_done();
}
