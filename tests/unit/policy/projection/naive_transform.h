// Transforms by reflection, as plainly as they can be written.
#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"

namespace postern::policy::testing {

// Replaces every value of `field` in `message`; values that the transform cannot take are removed. `original` is the
// field as the spec's schema declares it, `country` what a postcode is cut by.
void TransformField(const TransformSpec& spec, const google::protobuf::FieldDescriptor& original,
                    const ProjectionContext& context, const std::string& country,
                    const google::protobuf::FieldDescriptor& field, google::protobuf::Message* message);

// False if the transform cannot take the text.
bool TakesText(const TransformSpec& spec, const ProjectionContext& context, const std::string& country,
               const std::string& text);

// Makes an absent field present with its default value.
void WriteDefault(const google::protobuf::FieldDescriptor& field, google::protobuf::Message* message);

}  // namespace postern::policy::testing
