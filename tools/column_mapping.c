#include "tools/column_mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ENTRIES_MAX 64

bool column_mapping_is(const char *name)
{
    size_t size = strlen(COLUMN_MAPPING_NAME);
    return strncmp(name, COLUMN_MAPPING_NAME, size) == 0 &&
           (name[size] == '\0' || name[size] == ':');
}

/* ---- the list ---- */

/* FIELD=COLUMN:UNIT, or FIELD:=VALUE. */
struct entry {
    struct bytes field, value, unit;
    bool constant;
};

struct list {
    struct entry at[ENTRIES_MAX];
    size_t count;
};

static bool is_unit(struct bytes text)
{
    static const char *const units[] = {"ms", "s", "us", "iso8601", "date", "mdy", "dmy"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (bytes_equal(text, bytes_text(units[i])))
            return true;
    return false;
}

static enum verdict read_entry(struct bytes text, struct list *list, struct error *error)
{
    char quoted[BYTES_QUOTED_SIZE];
    const char *equals = memchr(text.at, '=', text.size);
    if (equals == NULL || equals == text.at)
        return error_set(error, VERDICT_SKIP,
                         "--map columns: %s is not like visitor_id=COLUMN, event_time=COLUMN:UNIT "
                         "or kind:=view",
                         bytes_quote(text, quoted));
    if (list->count == ENTRIES_MAX)
        return error_set(error, VERDICT_SKIP, "--map columns: more than %d fields", ENTRIES_MAX);
    size_t field = (size_t)(equals - text.at);
    struct entry entry = {.constant = equals[-1] == ':'};
    entry.field = bytes_of(text.at, field - entry.constant);
    entry.value = bytes_of(equals + 1, text.size - field - 1);
    for (size_t i = entry.value.size; i > 0 && !entry.constant; i--) {
        struct bytes unit = bytes_of(entry.value.at + i, entry.value.size - i);
        if (entry.value.at[i - 1] == ':' && is_unit(unit)) {
            entry.unit = unit;
            entry.value.size = i - 1;
            break;
        }
    }
    list->at[list->count++] = entry;
    return VERDICT_OK;
}

static enum verdict read_list(const char *name, struct list *list, struct error *error)
{
    const char *rest = name + strlen(COLUMN_MAPPING_NAME);
    struct bytes text;
    rest += *rest == ':';
    while (list_next(&rest, &text))
        if (read_entry(text, list, error) != VERDICT_OK)
            return VERDICT_SKIP;
    return VERDICT_OK;
}

static const struct entry *find(const struct list *list, const char *field)
{
    for (size_t i = 0; i < list->count; i++)
        if (bytes_equal(list->at[i].field, bytes_text(field)))
            return &list->at[i];
    return NULL;
}

/* ---- the columns ---- */

struct columns {
    const struct bytes *names; /* NULL: not known */
    size_t count;
};

static bool is_used(const struct list *list, struct bytes column)
{
    for (size_t i = 0; i < list->count; i++)
        if (!list->at[i].constant && bytes_equal(list->at[i].value, column))
            return true;
    return false;
}

static bool has_column(const struct columns *columns, struct bytes name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (bytes_equal(columns->names[i], name))
            return true;
    return columns->names == NULL;
}

static void columns_text(const struct columns *columns, char *to, size_t size)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; i < columns->count && used < size; i++) {
        int more = snprintf(to + used, size - used, "%s%.*s", i ? ", " : "",
                            (int)columns->names[i].size, columns->names[i].at);
        used += more > 0 ? (size_t)more : 0;
    }
}

static enum verdict refuse_column(const struct columns *columns, struct bytes name, const char *why,
                                  struct error *error)
{
    char quoted[BYTES_QUOTED_SIZE], all[160];
    columns_text(columns, all, sizeof all);
    return error_set(error, VERDICT_SKIP, "there is no column %s%s; the header has %s",
                     bytes_quote(name, quoted), why, all);
}

/* Fields of products that a column can be, beside the event's. */
static const char *const product_fields[] = {"title",          "item_brand", "categories",
                                             "original_price", "image_uri",  "rating"};
#define PRODUCT_FIELDS (sizeof product_fields / sizeof product_fields[0])

static bool is_product_field(struct bytes name)
{
    for (size_t i = 0; i < PRODUCT_FIELDS; i++)
        if (bytes_equal(name, bytes_text(product_fields[i])))
            return true;
    return false;
}

/* Adds the columns that have the name of a field which the list does not name. */
static void add_own_names(struct list *list, const struct columns *columns)
{
    struct field_table tables[EVENT_USER + 1];
    for (int type = 0; type < EVENT_USER; type++)
        tables[type] = event_fields((enum event_type)type);
    tables[EVENT_USER] = event_item_fields();
    for (int t = 0; t <= EVENT_USER; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct field *field = &tables[t].fields[i];
            struct bytes name = bytes_text(field->name);
            if (field->type >= FIELD_ITEM || find(list, field->name) || is_used(list, name) ||
                !has_column(columns, name) || list->count == ENTRIES_MAX)
                continue;
            list->at[list->count++] = (struct entry){.field = name, .value = name};
        }
    }
    for (size_t i = 0; i < PRODUCT_FIELDS && columns->names; i++) {
        struct bytes name = bytes_text(product_fields[i]);
        if (!find(list, product_fields[i]) && !is_used(list, name) && has_column(columns, name) &&
            list->count < ENTRIES_MAX)
            list->at[list->count++] = (struct entry){.field = name, .value = name};
    }
    if (!find(list, "kind") && columns->names && has_column(columns, bytes_text("type")) &&
        list->count < ENTRIES_MAX)
        list->at[list->count++] =
            (struct entry){.field = bytes_text("kind"), .value = bytes_text("type")};
}

static enum verdict check_columns(const struct list *list, const struct columns *columns,
                                  struct error *error)
{
    static const char *const needed[] = {"visitor_id", "event_time", "item_id"};
    for (size_t i = 0; i < list->count; i++)
        if (!list->at[i].constant && !has_column(columns, list->at[i].value) &&
            !(list->at[i].field.size > 5 && memcmp(list->at[i].field.at, "kind.", 5) == 0))
            return refuse_column(columns, list->at[i].value, "", error);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        char why[80];
        snprintf(why, sizeof why, ", so say which one it is: %s=COLUMN", needed[i]);
        if (!find(list, needed[i]))
            return refuse_column(columns, bytes_text(needed[i]), why, error);
    }
    return VERDICT_OK;
}

/* ---- the text of the mapping ---- */

static const struct {
    const char *name, *kind;
} kind_names[] = {
    {"view", "view"},
    {"views", "view"},
    {"item_view", "view"},
    {"view_item", "view"},
    {"product_view", "view"},
    {"page_view", "view"},
    {"pageview", "view"},
    {"click", "view"},
    {"clicks", "view"},
    {"detail", "view"},
    {"search", "search"},
    {"cart", "cart add"},
    {"carts", "cart add"},
    {"add", "cart add"},
    {"addtocart", "cart add"},
    {"add_to_cart", "cart add"},
    {"cart add", "cart add"},
    {"remove_from_cart", "cart remove"},
    {"removefromcart", "cart remove"},
    {"cart remove", "cart remove"},
    {"purchase", "purchase"},
    {"purchases", "purchase"},
    {"order", "purchase"},
    {"orders", "purchase"},
    {"buy", "purchase"},
    {"transaction", "purchase"},
    {"refund", "purchase refunded"},
    {"return", "purchase refunded"},
    {"purchase refunded", "purchase refunded"},
    {"cancel", "purchase cancelled"},
    {"purchase cancelled", "purchase cancelled"},
};

static void write_place(const struct entry *entry, struct buffer *to)
{
    struct buffer path = {0};
    bool plain = memchr(entry->value.at, '.', entry->value.size) == NULL &&
                 memchr(entry->value.at, '[', entry->value.size) == NULL;
    buffer_format(&path, plain ? "%.*s" : "['%.*s']", (int)entry->value.size, entry->value.at);
    buffer_text(to, entry->constant ? "{\"value\":" : "{\"path\":");
    buffer_json(to, entry->constant ? entry->value : buffer_bytes(&path));
    if (entry->unit.size > 0) {
        buffer_text(to, ",\"unit\":");
        buffer_json(to, entry->unit);
    }
    buffer_byte(to, '}');
    buffer_release(&path);
}

static bool is_field_of(struct field_table table, struct bytes name)
{
    for (size_t i = 0; i < table.count; i++)
        if (table.fields[i].type < FIELD_ITEM &&
            bytes_equal(name, bytes_text(table.fields[i].name)))
            return true;
    return false;
}

static bool is_event_field(struct bytes name)
{
    for (int type = 0; type < EVENT_USER; type++)
        if (is_field_of(event_fields((enum event_type)type), name))
            return true;
    return false;
}

static bool is_kind_entry(struct bytes field)
{
    return bytes_equal(field, bytes_text("kind")) ||
           (field.size > 5 && memcmp(field.at, "kind.", 5) == 0);
}

/* Without a transaction_id the time stands for it: what a visitor buys at one time is an order. */
static void write_fields(const struct list *list, struct buffer *to)
{
    buffer_text(to, ",\"fields\":{\"items\":\".\"");
    for (size_t i = 0; i < list->count; i++) {
        const struct entry *entry = &list->at[i];
        if (is_kind_entry(entry->field) || is_product_field(entry->field) ||
            (!is_event_field(entry->field) && is_field_of(event_item_fields(), entry->field)))
            continue;
        buffer_byte(to, ',');
        buffer_json(to, entry->field);
        buffer_byte(to, ':');
        write_place(entry, to);
    }
    const struct entry *time = find(list, "event_time");
    if (!find(list, "transaction_id") && time) {
        struct entry order = {.value = time->value, .constant = time->constant};
        buffer_text(to, ",\"transaction_id\":");
        write_place(&order, to);
    }
    buffer_text(to, "},\"item\":{");
    bool first = true;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_field_of(event_item_fields(), list->at[i].field))
            continue;
        buffer_text(to, first ? "" : ",");
        first = false;
        buffer_json(to, list->at[i].field);
        buffer_byte(to, ':');
        write_place(&list->at[i], to);
    }
    buffer_byte(to, '}');
}

/* A product's price is the item's. */
static void write_product(const struct list *list, struct buffer *to)
{
    bool first = true;
    buffer_text(to, ",\"product\":{");
    for (size_t i = 0; i < list->count; i++) {
        if (!is_product_field(list->at[i].field) &&
            !bytes_equal(list->at[i].field, bytes_text("price")))
            continue;
        buffer_text(to, first ? "" : ",");
        first = false;
        buffer_json(to, list->at[i].field);
        buffer_byte(to, ':');
        write_place(&list->at[i], to);
    }
    buffer_byte(to, '}');
}

static void write_kind(struct bytes name, struct bytes kind, bool *first, struct buffer *to)
{
    buffer_text(to, *first ? "" : ",");
    *first = false;
    buffer_json(to, name);
    buffer_byte(to, ':');
    buffer_json(to, kind);
}

/* The kinds that the list names come first; a usual name among them is left to the list. */
static void write_kinds(const struct list *list, struct buffer *to)
{
    const struct entry *kind = find(list, "kind");
    bool first = true;
    if (kind == NULL || kind->constant) {
        buffer_text(to, ",\"kinds\":");
        buffer_json(to, kind ? kind->value : bytes_text("view"));
        return;
    }
    buffer_text(to, ",\"kind\":");
    struct buffer path = {0};
    buffer_format(&path, "['%.*s']", (int)kind->value.size, kind->value.at);
    buffer_json(to, buffer_bytes(&path));
    buffer_release(&path);
    buffer_text(to, ",\"kinds\":{");
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].field.size > 5 && is_kind_entry(list->at[i].field))
            write_kind(bytes_of(list->at[i].field.at + 5, list->at[i].field.size - 5),
                       list->at[i].value, &first, to);
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        char own[40];
        snprintf(own, sizeof own, "kind.%s", kind_names[i].name);
        if (find(list, own) ||
            (strcmp(kind_names[i].kind, "search") == 0 && !find(list, "search_term")))
            continue;
        write_kind(bytes_text(kind_names[i].name), bytes_text(kind_names[i].kind), &first, to);
    }
    buffer_byte(to, '}');
}

enum verdict column_mapping_new(const char *name, const struct bytes *names, size_t count,
                                struct mapping **ret_mapping, struct error *error)
{
    struct list list = {.count = 0};
    struct columns columns = {names, count};
    struct buffer text = {0};
    if (read_list(name, &list, error) != VERDICT_OK)
        return VERDICT_SKIP;
    add_own_names(&list, &columns);
    if (check_columns(&list, &columns, error) != VERDICT_OK)
        return VERDICT_SKIP;
    buffer_text(&text, "{\"name\":\"" COLUMN_MAPPING_NAME "\"");
    write_kinds(&list, &text);
    write_fields(&list, &text);
    write_product(&list, &text);
    buffer_byte(&text, '}');
    enum verdict verdict = mapping_new(buffer_bytes(&text), "--map columns", ret_mapping, error);
    buffer_release(&text);
    return verdict;
}

/* ---- a suggestion ---- */

static const struct {
    const char *field;
    const char *names[16]; /* the likeliest first; letters and digits in lower case */
} usual_names[] = {
    {"visitor_id",
     {"visitorid", "visitor", "userid", "user", "customerid", "customer", "clientid", "cookieid",
      "cookie", "deviceid", "uid", "sessionid", "session", "anonymousid", "custid"}},
    {"event_time",
     {"eventtime", "timestamp", "time", "ts", "tsms", "datetime", "createdat", "date", "eventdate",
      "orderdate", "at", "unixtime", "occurredat"}},
    {"item_id",
     {"itemid", "item", "productid", "product", "sku", "articleid", "article", "aid", "productcode",
      "stockcode", "asin", "movieid", "pid", "goodsid"}},
    {"kind",
     {"eventtype", "event", "type", "kind", "action", "eventname", "behavior", "behaviortype",
      "what", "activity"}},
    {"transaction_id",
     {"transactionid", "orderid", "order", "ordernumber", "orderno", "invoiceno", "invoice"}},
    {"price", {"price", "unitprice", "itemprice"}},
    {"quantity", {"quantity", "qty", "count", "amount"}},
    {"title", {"title", "productname", "itemname", "description", "name"}},
    {"item_brand", {"itembrand", "brand"}},
    {"categories", {"categories", "category", "categoryname", "categorycode"}},
    {"search_term", {"searchterm", "query", "searchquery", "keyword", "q"}},
};

static bool same_letters(struct bytes column, const char *name)
{
    size_t at = 0;
    for (size_t i = 0; i < column.size; i++) {
        char c = column.at[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            continue;
        if (name[at] != c)
            return false;
        at++;
    }
    return at > 0 && name[at] == '\0';
}

static size_t find_usual(const struct table_row *header, size_t field)
{
    for (size_t n = 0; n < 16 && usual_names[field].names[n]; n++)
        for (size_t i = 0; i < header->count && i < TABLE_COLUMNS_MAX; i++)
            if (same_letters(header->values[i], usual_names[field].names[n]))
                return i;
    return SIZE_MAX;
}

/* ":UNIT" for a time like this one; "" for milliseconds. */
static const char *unit_of(struct bytes time)
{
    size_t digits = 0;
    while (digits < time.size && time.at[digits] >= '0' && time.at[digits] <= '9')
        digits++;
    if (digits == time.size)
        return digits > 0 && digits < 12 ? ":s" : digits > 14 ? ":us" : "";
    if (digits == 4)
        return ":date";
    return digits > 0 && digits < 3 && atoi(time.at) > 12 ? ":dmy" : digits < 3 ? ":mdy" : "";
}

static bool looks_like_date(struct bytes text)
{
    return text.size >= 10 && text.at[4] == '-' && text.at[7] == '-';
}

static bool is_header(const struct table_row *header)
{
    for (size_t i = 0; i < header->count && i < TABLE_COLUMNS_MAX; i++) {
        struct bytes name = bytes_trim(header->values[i]);
        bool letter = false;
        for (size_t k = 0; k < name.size; k++)
            letter = letter || (name.at[k] >= 'A' && name.at[k] <= 'Z') ||
                     (name.at[k] >= 'a' && name.at[k] <= 'z') || (unsigned char)name.at[k] >= 0x80;
        if (name.size > 0 && (!letter || name.size > 40 || looks_like_date(name)))
            return false;
    }
    return header->count > 1 && header->count <= TABLE_COLUMNS_MAX;
}

bool column_mapping_suggest(const struct table_row *header, const struct table_row *row,
                            struct buffer *to)
{
    if (!is_header(header))
        return false;
    size_t start = to->size;
    buffer_text(to, "'" COLUMN_MAPPING_NAME);
    for (size_t field = 0; field < sizeof usual_names / sizeof usual_names[0]; field++) {
        size_t at = find_usual(header, field);
        if (at == SIZE_MAX && field > 2)
            continue;
        struct bytes column = at == SIZE_MAX ? bytes_text("COLUMN") : header->values[at];
        const char *unit = field == 1 && at < row->count ? unit_of(row->values[at]) : "";
        buffer_format(to, "%s%s=%.*s%s", field ? "," : ":", usual_names[field].field,
                      (int)column.size, column.at, unit);
    }
    buffer_byte(to, '\'');
    for (size_t i = start + 1; i + 1 < to->size; i++) /* a column's name can't end the quotes */
        if (to->at[i] == '\'' || (unsigned char)to->at[i] < ' ')
            to->at[i] = '?';
    return true;
}
