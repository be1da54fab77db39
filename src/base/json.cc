#include "base/json.h"

#include "base/text.h"

namespace mxpost {

std::string json_string(std::string_view text) {
    std::string result;
    for (const std::string_view part : split(text, '\t')) {  // a folded field's line begins so
        result += result.empty() ? "\"" : "\\t";
        for (const char c : printable(part, part.size() + 8)) {
            if (c == '"' || c == '\\') {
                result += '\\';
            }
            result += c;
        }
    }
    return result + "\"";
}

std::string json_strings(const std::vector<std::string>& texts) {
    JsonArray array;
    for (const std::string& text : texts) {
        array.add(json_string(text));
    }
    return array.end();
}

JsonObject& JsonObject::raw(std::string_view name, std::string_view value) {
    text_ += text_.empty() ? "{" : ",";
    text_ += json_string(name);
    text_ += ":";
    text_ += value;
    return *this;
}

void JsonArray::add(std::string_view value) {
    text_ += text_.empty() ? "" : ",";
    text_ += value;
}

}  // namespace mxpost
