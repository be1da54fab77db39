# Makes a source file that holds the text of FROM under the name that shipped.h gives to NAME.
file(READ ${FROM} text)
if(NAME STREQUAL replies)
    set(variable kShippedReplies)
else()
    set(variable kShippedProviders)
endif()
file(WRITE ${TO} "#include \"diagnose/shipped.h\"

namespace mxpost::diagnose {

const std::string_view ${variable} = R\"mxpost(${text})mxpost\";

}  // namespace mxpost::diagnose
")
