#include "processors/runtime/http/http_tokens.h"

#include <errno.h>
#include <stdio.h>

static enum verdict read_token(const char *key, const char *path, char *ret_token,
                               struct error *error)
{
    char line[HTTP_TOKEN_BYTES_MAX + 3] = "";
    if (path[0] == '\0')
        return VERDICT_OK;
    FILE *file = fopen(path, "r");
    bool read = file && fgets(line, sizeof line, file) != NULL;
    int code = errno;
    if (file)
        fclose(file);
    if (!read)
        return error_set(error, VERDICT_SKIP, "%s: %s can't be read: %s", key, path,
                         file ? "it is empty" : strerror(code));
    struct bytes token = bytes_trim(bytes_text(line));
    for (size_t i = 0; i < token.size; i++)
        if (token.at[i] <= ' ' || token.at[i] > '~')
            token.size = 0;
    if (token.size < HTTP_TOKEN_BYTES_MIN || token.size > HTTP_TOKEN_BYTES_MAX)
        return error_set(error, VERDICT_SKIP,
                         "%s: the token in %s must have %d to %d visible ASCII characters, such as "
                         "those that 'openssl rand -hex 24' prints",
                         key, path, HTTP_TOKEN_BYTES_MIN, HTTP_TOKEN_BYTES_MAX);
    memcpy(ret_token, token.at, token.size);
    ret_token[token.size] = '\0';
    return VERDICT_OK;
}

enum verdict http_tokens_read(const struct config *config, bool loopback,
                              struct http_tokens *ret_tokens, struct error *error)
{
    const struct {
        enum http_right right;
        const char *key, *path;
    } files[] = {
        {HTTP_READ, "http.token.read.file", config->http_token_read_file},
        {HTTP_WRITE, "http.token.write.file", config->http_token_write_file},
        {HTTP_ADMIN, "http.token.admin.file", config->http_token_admin_file},
    };
    *ret_tokens = (struct http_tokens){.loopback = loopback};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        enum verdict verdict =
            read_token(files[i].key, files[i].path, ret_tokens->text[files[i].right], error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static bool is_token(const char *token, struct bytes other)
{
    size_t size = strlen(token);
    unsigned different = 0;
    if (size == 0 || size != other.size)
        return false;
    for (size_t i = 0; i < size; i++)
        different |= (unsigned)(token[i] ^ other.at[i]);
    return different == 0;
}

bool http_tokens_allow(const struct http_tokens *tokens, enum http_right right, struct bytes token)
{
    if (right == HTTP_OPEN || is_token(tokens->text[HTTP_ADMIN], token))
        return true;
    if (tokens->text[right][0])
        return is_token(tokens->text[right], token);
    return right != HTTP_ADMIN || tokens->loopback;
}
