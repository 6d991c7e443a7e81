#include "processors/runtime/kafka/client_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "-rows-"
#define FORMAT_MAX 1000000

void client_id_tell(const char *client_id, int format, char ret_id[CLIENT_ID_SIZE])
{
    snprintf(ret_id, CLIENT_ID_SIZE, "%.*s" MARK "%d", CONFIG_TEXT_MAX, client_id, format);
}

int client_id_format(const char *client_id)
{
    const char *mark = NULL, *next = client_id;
    while ((next = strstr(next, MARK)) != NULL)
        mark = next++;
    if (mark == NULL)
        return 0;
    char *end;
    long format = strtol(mark + strlen(MARK), &end, 10);
    return end > mark + strlen(MARK) && *end == '\0' && format > 0 && format < FORMAT_MAX
               ? (int)format
               : 0;
}
