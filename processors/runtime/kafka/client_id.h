/* The client.id of a group's member tells the format of visitors' rows that the process writes:
 * "<configured>-rows-<format>". Thread: any. */
#ifndef WEFT_KAFKA_CLIENT_ID_H
#define WEFT_KAFKA_CLIENT_ID_H

#include "processors/runtime/config.h"

#define CLIENT_ID_SIZE (CONFIG_TEXT_MAX + 24)

/* Adds the format to a client.id. */
void client_id_tell(const char *client_id, int format, char ret_id[CLIENT_ID_SIZE]);
/* The format that a client.id tells; 0: none, as in versions before format 6. */
int client_id_format(const char *client_id);

#endif
