#include "broker/config/config.h"
