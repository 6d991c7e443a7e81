/* Text for a terminal: a record must not drive it, nor forge a line. */
#include "tools/printable.h"

#include "tests/test.h"

static void check(const char *text, const char *expected)
{
    struct buffer to = {0};
    printable_append(bytes_text(text), &to);
    CHECK_BYTES(buffer_bytes(&to), bytes_text(expected));
    buffer_release(&to);
}

static void test_controls(void)
{
    check("Coat", "Coat");
    check("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07");
    check("a\x7f\tb\r", "a\\x7f\\x09b\\x0d");
    check("\xc2\x9b"
          "31m",
          "\\x9b31m");
    check("\xc3\x84rmel \xe2\x82\xac \xc2\xa0", "\xc3\x84rmel \xe2\x82\xac \xc2\xa0");
    check("cut \xc2", "cut \xc2");
}

static void test_newlines(void)
{
    check("\nhead\n\n", "\nhead\n\n");
    check("  1. coat\n  2. forged\n", "  1. coat\\x0a  2. forged\n");
    check("\n\n", "\n\n");
    check("", "");
}

int main(void)
{
    TEST_RUN(test_controls);
    TEST_RUN(test_newlines);
    return test_done();
}
