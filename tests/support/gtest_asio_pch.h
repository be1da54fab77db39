// The same for the tests of what uses Boost.Asio.
#pragma once
#include "../../src/asio/pch.h"
#include "gtest_pch.h"
