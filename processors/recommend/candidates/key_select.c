#include "processors/recommend/candidates/key_select.h"

uint64_t key_select(uint64_t *keys, uint32_t n, uint32_t k)
{
    uint32_t first = 0, last = n - 1, goal = k - 1;
    while (first < last) {
        uint64_t pivot = keys[first + (last - first) / 2];
        uint32_t i = first, j = last;
        for (;;) {
            while (keys[i] > pivot)
                i++;
            while (keys[j] < pivot)
                j--;
            if (i >= j)
                break;
            uint64_t key = keys[i];
            keys[i++] = keys[j];
            keys[j--] = key;
        }
        if (goal <= j)
            last = j;
        else
            first = j + 1;
    }
    return keys[goal];
}
