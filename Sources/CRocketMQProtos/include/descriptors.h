#ifndef ROCKETMQ_DESCRIPTORS_H
#define ROCKETMQ_DESCRIPTORS_H

#include <stddef.h>

/* The descriptors of all services that are served, as one FileDescriptorSet. */
extern const unsigned char *const rocketmq_descriptor_set;
extern const size_t rocketmq_descriptor_set_size;

#endif
