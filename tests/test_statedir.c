/* state.dir: what it holds is for its owner alone. */
#include "processors/runtime/statedir.h"

#include "tests/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_mode(const char *suffix)
{
    struct config config;
    struct error error = {0};
    struct stat folder;
    char home[] = "/tmp/weft-test-statedir-XXXXXX", path[CONFIG_TEXT_MAX];
    int lock = -1;
    mode_t before = umask(0);
    CHECK(mkdtemp(home) != NULL);
    config_init(&config);
    snprintf(path, sizeof path, "%s/a%s", home, suffix);
    CHECK(config_set(&config, "state.dir", path, &error) == VERDICT_OK);
    CHECK_SAY(statedir_lock(&config, &lock, &error) == VERDICT_OK, "%s", error.message);
    CHECK(stat(path, &folder) == 0);
    CHECK_INT(folder.st_mode & 0777, 0700);
    close(lock);
    CHECK(chmod(path, 0755) == 0); /* a folder that is there keeps what its owner chose */
    CHECK(statedir_lock(&config, &lock, &error) == VERDICT_OK);
    CHECK(stat(path, &folder) == 0);
    CHECK_INT(folder.st_mode & 0777, 0755);
    close(lock);
    umask(before);
}

static void test_mode(void)
{
    check_mode("");
    check_mode("/b");
    check_mode("/");
}

int main(void)
{
    TEST_RUN(test_mode);
    return test_done();
}
