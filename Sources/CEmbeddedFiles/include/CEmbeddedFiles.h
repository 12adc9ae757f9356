#pragma once

#include <stddef.h>

/// A file that is part of the program. It stays where it is for as long as the program runs.
struct embedded_file {
    const char *name;
    const unsigned char *bytes;
    size_t count;
};

/// All files, and how many they are.
const struct embedded_file *embedded_files(size_t *count);
