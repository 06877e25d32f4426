#pragma once
#include <archive.h>
#include <archive_entry.h>

/* The AE_IF* macros carry casts, which Swift does not import. */
static const unsigned int CARCHIVE_TYPE_MASK = 0170000;
static const unsigned int CARCHIVE_TYPE_FILE = 0100000;
static const unsigned int CARCHIVE_TYPE_LINK = 0120000;
static const unsigned int CARCHIVE_TYPE_DIRECTORY = 0040000;
