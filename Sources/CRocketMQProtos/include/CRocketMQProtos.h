#include "apache/rocketmq/v2/definition.pb-c.h"
#include "apache/rocketmq/v2/service.pb-c.h"
#include "descriptors.h"
