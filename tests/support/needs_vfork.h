// For tests that see the reason why a program could not be started: the child leaves it in memory
// that it shares with its parent. ThreadSanitizer makes a fork of each vfork.
#pragma once

#include <gtest/gtest.h>

#ifdef __SANITIZE_THREAD__
#define MXPOST_NEEDS_VFORK() GTEST_SKIP() << "ThreadSanitizer has no vfork"
#else
#define MXPOST_NEEDS_VFORK() static_cast<void>(0)
#endif
