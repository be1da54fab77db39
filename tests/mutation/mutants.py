"""What the mutation run deletes: each sync, lock and checksum that a promise rests on.

A mutant: (file, what stands there, what stands there instead, what that means). `what stands there`
must be in the file once. What finds it: one of PROGRAMS (unit_* and crash_* of the build).

EXEMPT: lines that match GUARDS but aren't deleted, with the reason.
"""

# Programs that know the modules below; first those that judge by what a crash leaves.
PROGRAMS = {
    "src/spool": ["crash_spool", "unit_spool", "crash_engine", "unit_deliver", "unit_submit"],
    "src/local": ["crash_mailbox", "unit_local"],
    "src/listen": ["unit_listen"],
    "src/submit": ["unit_submit"],
    "src/deliver": ["crash_engine", "unit_deliver", "unit_submit"],
}

# Each such line below src/, but for comments, is deleted by a mutant, or exempt: none is forgotten. The
# guards themselves, and what is made of them.
GUARDS = (r"^(?!//).*(fsync\(|fdatasync\(|try_lock(_shared)?\(|[!=]= *crc32c\(|crc32c\(.*\) *!="
          r"|\bsync\(\);|body_crc_ !=|sync_corrupt\(|sync_removals\(|make_durable\()")

WRITER = "src/spool/message_writer.cc"
STORE = "src/spool/box_store.cc"
BOX = "src/spool/box.cc"
FILE = "src/spool/message_file.cc"
DELIVERY = "src/deliver/message_delivery.cc"
RECORDER = "src/deliver/outcome_recorder.cc"
REMOVALS = "src/deliver/removals.cc"
ORDERS = "src/submit/queue_orders.cc"

MUTANTS = [
    # Submission
    (WRITER, "return files_->fsync(file_.get());", "return {};",
     "a message's octets aren't synced before it has a name"),
    (WRITER, "if (auto synced = files_->fsync(directory()); !synced) {",
     "if (auto synced = Result<void>(); !synced) {",
     "the name of an accepted message isn't synced"),
    (WRITER, ": files_->unlink(box_->directory(), name_.text());", ": files_->fsync(directory());",
     "a message whose sync failed stays in the queue although its caller was told so"),
    (WRITER, "const auto locked = files.try_lock(writer.file_.get());",
     "const Result<bool> locked = true;",
     "a message that is being submitted isn't locked"),
    (BOX, "return files.fsync(root);", "(void)root; (void)files; return {};",
     "a new box isn't durable"),
    (BOX, "if (auto synced = files.fsync(at->get()); !synced) {",
     "if (auto synced = Result<void>(); !synced) {",
     "a new spool below a home isn't durable"),
    ("src/local/maildir.cc", "    if (auto synced = files.fsync(parent); !synced) {",
     "    if (auto synced = Result<void>(); !synced) {",
     "a new Maildir isn't durable"),
    # An attempt
    (STORE, "const auto locked = files_->try_lock(file->get());", "const Result<bool> locked = true;",
     "a message that somebody works on is taken"),
    (STORE, "if (!named || named->st_ino != held->st_ino || named->st_dev != held->st_dev) {",
     "if (false) {", "a file that lost its name while its lock was awaited is taken"),
    (STORE, "if (auto checked = check_identity(*held, box_.owner()); !checked) {\n        return quarantine",
     "if (auto checked = Result<void>(); !checked) {\n        return quarantine",
     "another user's file, or a link to it, is sent"),
    (STORE, "auto done = files_.fdatasync(message_.fd());", "auto done = Result<void>();",
     "an outcome isn't synced before the next step"),
    (STORE, "            take_back();\n", "            is_dirty_ = true;\n",
     "a sync that failed once is believed the next time"),
    (STORE, "if (auto cut = files_.ftruncate(message_.fd(), message_.journal_end()); !cut) {",
     "if (auto cut = Result<void>(); !cut) {", "a torn record stays in front of new ones"),
    (STORE, "if (auto synced = files_.fdatasync(message_.fd()); !synced) {",
     "if (auto synced = Result<void>(); !synced) {",
     "the cut of a torn record isn't synced before new records follow"),
    (STORE, "    return files_->fsync(box_.directory());\n}", "    return {};\n}",
     "removals aren't synced"),
    (STORE, "        if (auto synced = files.fsync(box); !synced) {", "        if (auto synced = Result<void>(); !synced) {",
     "the folder for files that are set aside isn't durable before one is moved there"),
    (STORE, "if (auto synced = files.fsync(corrupt->get()); !synced) {\n        return synced.error();\n    }\n    return files.fsync(box);",
     "return files.fsync(box);", "a file that is set aside may be lost: its new name isn't synced"),
    (STORE, "    return files.fsync(box);\n}\n\n/// What a message file must be",
     "    return {};\n}\n\n/// What a message file must be",
     "a file that is set aside may come back: the loss of its old name isn't synced"),
    (STORE, "return moved ? sync_corrupt(files_, box_.directory()) : moved;", "return moved;",
     "a message that is set aside may be back in the queue after a crash"),
    (STORE, "if (auto synced = sync_corrupt(*files_, box_.directory()); synced) {",
     "if (auto synced = Result<void>(Error::invalid(\"\")); synced) {",
     "of what was found to be no message only the loss of the old name is synced"),
    (STORE, "const auto locked = files.try_lock_shared(file->get());\n    return locked && !*locked;",
     "(void)file;\n    return false;", "a message being worked on isn't known to be"),
    # Files that lie
    ("src/spool/file_format.cc", "if (get_u32(octets.substr(kChecksumAt)) != crc32c(0, octets.substr(0, kChecksumAt))) {",
     "if (false) {", "a preamble with flipped bits is believed"),
    ("src/spool/journal.cc", "if (get_u32(octets.substr(4)) != crc32c(0, body)) {", "if (false) {",
     "a torn or flipped record is believed"),
    (FILE, "if (crc32c(0, envelope_octets) != preamble->envelope_crc ||\n        crc32c(0, header) != preamble->header_crc) {",
     "if (crc32c(0, header) != preamble->header_crc) {", "an envelope with flipped bits is believed"),
    (FILE, "if (crc32c(0, envelope_octets) != preamble->envelope_crc ||\n        crc32c(0, header) != preamble->header_crc) {",
     "if (crc32c(0, envelope_octets) != preamble->envelope_crc) {",
     "a header with flipped bits is believed"),
    (FILE, "if (body_crc_ != message_->preamble().body_crc) {", "if (false) {",
     "a body that changed is sent to its end"),
    ("src/spool/usage.cc", "            get_u64(octets.substr(32)) != crc32c(0, octets.substr(0, 32))) {",
     "            false) {", "a torn count of the queue's size is believed"),
    ("src/spool/usage.cc", "const auto locked = files_.try_lock(file_.get());",
     "const Result<bool> locked = true;", "two submitters replace the count at a time"),
    # Who serves a box
    (BOX, "const auto locked = files.try_lock_shared(entry->get());\n    return locked && !*locked;",
     "(void)entry;\n    return false;", "an engine doesn't see that the system engine wants the box"),
    ("src/spool/tidy.cc", "const auto locked = files_->try_lock(box->get());",
     "const Result<bool> locked = true;", "a box that is in use is tidied away"),
    ("src/spool/order.cc", "        done = claim.sync();", "        done = Result<void>();",
     "an administrator's order isn't synced"),
    ("src/deliver/box_set.cc", "    if (const auto synced = box.store().sync_removals(); !synced) {",
     "    if (const Result<void> synced; !synced) {",
     "what a killed engine linked or removed is believed without a sync"),
    ("src/deliver/served_box.cc", "    if (!needless.empty() && store_.sync_removals()) {",
     "    if (!needless.empty()) {",
     "a deletion's request is taken away before the deletion is durable"),
    ("src/deliver/served_box.cc", "        const auto locked = files_->try_lock(entry->get());",
     "        const Result<bool> locked = true;", "two system engines want a box at a time"),
    ("src/deliver/served_box.cc", "    const auto locked = files_->try_lock(directory);",
     "    const Result<bool> locked = true;", "an engine serves a box that another one serves"),
    (DELIVERY, "    if (recorder_.sync()) {", "    if (true) {",
     "copies for mailboxes go on before it is durable that they exist"),
    (DELIVERY, "            self->recorder_.sync();", "            (void)self;",
     "one domain's outcome waits for the slowest domain's before it is durable"),
    (DELIVERY, "could be reported twice.\n    co_await recorder_.make_durable();\n", "could be reported twice.\n",
     "what a killed engine had not synced is reported, and may be forgotten"),
    (DELIVERY, "        co_await recorder_.make_durable();\n        if (claim_->is_unrecorded()) {",
     "        if (claim_->is_unrecorded()) {",
     "a report that was owed from before goes, and no later engine knows of it"),
    (DELIVERY, "    co_await recorder_.make_durable();\n    if (claim_->is_unrecorded()) {\n        co_return claim_->name();  //",
     "    if (claim_->is_unrecorded()) {\n        co_return claim_->name();  //",
     "a sender is told of outcomes that aren't durable"),
    (DELIVERY, "    co_await recorder_.make_durable();\n    co_return finish(is_everything_reported);",
     "    co_return finish(is_everything_reported);",
     "a report goes although no disk took the note that it exists"),
    (REMOVALS, "            [&box] { return box.store().sync_removals(); },",
     "            [] { return Result<void>(); },",
     "what is gone from the queue may come back as long as the engine runs"),
    (REMOVALS, "        report(box, box.store().sync_removals());", "        report(box, {});",
     "the last removals of an engine aren't synced"),
    (RECORDER, "    const auto synced = claim_.sync();", "    const Result<void> synced;",
     "no outcome is durable before the last"),
    (RECORDER, "    if (synced) {\n        synced = claim_.sync();",
     "    if (synced) {\n        synced = Result<void>();",
     "outcomes aren't synced before anybody is told"),
    (RECORDER, "        if (synced) {\n            synced = claim_.sync();",
     "        if (synced) {\n            synced = Result<void>();",
     "outcomes that a full disk took at last aren't synced"),
    ("src/deliver/reporting.cc", "        done = claim_.sync();", "        done = Result<void>();",
     "a report may go before the journal says that it exists"),
    ("src/submit/hand_off.cc", "const auto is_free = files.try_lock(box.directory());",
     "const Result<bool> is_free = true;", "two engines serve a box"),
    (ORDERS, "            if (const auto synced = store.sync_removals(); !synced) {",
     "            if (const auto synced = Result<void>(); !synced) {",
     "a message that was deleted on demand may come back"),
    (ORDERS, "const auto is_free = around.files.try_lock_shared(message->fd());",
     "const Result<bool> is_free = true;", "an attempt asked for while one goes on isn't made"),
    ("src/submit/queue_view.cc",
     "const auto is_free = around_.files.try_lock_shared(store.box().directory());",
     "const Result<bool> is_free = true;", "mailq says that no engine serves a box that has one"),
    ("src/submit/queue_view.cc", "const auto locked = around_.files.try_lock_shared(message.fd());",
     "const Result<bool> locked = true;", "mailq doesn't say what is being sent"),
    # The listener
    ("src/listen/commit_pool.cc", "const auto synced = files_.fsync(first->directory);",
     "const auto synced = Result<void>();", "a 250 doesn't wait for the sync of the name"),
    # Mailboxes
    ("src/local/maildir.cc", "return done ? files.fsync(fd->get()) : done;", "return done;",
     "a Maildir's message isn't synced"),
    ("src/local/maildir.cc", "    done = files.fsync(fresh);\n", "",
     "the name of a Maildir's message isn't synced"),
    ("src/local/mbox.cc", "            done = tools_.files.fsync(fd_.get());\n        }\n        if (done && is_new_)",
     "        }\n        if (done && is_new_)", "a message in an mbox isn't synced"),
    ("src/local/mbox.cc", "return tools_.files.fsync(fd->get());", "return {};",
     "the name of a new mbox isn't synced"),
]

EXEMPT = {
    "src/deliver/box_set.cc: try_lock(box);  // where another engine has it, that one sees what comes":
        "a call of our own; the locks are in served_box.cc",
    "src/deliver/box_set.cc: try_lock(box);": "the same",
    "src/deliver/box_set.cc: void BoxSet::try_lock(ServedBox& box) {": "the same",
    "src/deliver/outcome_recorder.cc: asio::awaitable<void> OutcomeRecorder::make_durable() {": "a declaration",
    "src/spool/box.cc: Result<void> make_durable(FileSystem& files, int root, const Box& box, const Clock& clock) {":
        "a declaration",
    "src/spool/box.cc: if (auto done = make_durable(files, root->directory(), *box, clock); !done) {":
        "its one call; a mutant deletes the sync in it",
    "src/spool/box_store.cc: Result<void> sync_corrupt(FileSystem& files, int box) {": "a declaration",
    "src/spool/box_store.cc: Result<void> BoxStore::sync_removals() {": "a declaration",
    "src/spool/message_writer.cc: (void)files_->fsync(directory()).has_value();":
        "the caller was told of the failure; the withdrawal is only made likelier to last",
    "src/submit/queue_orders.cc: (void)store.sync_removals().has_value();  // at worst it is found once more":
        "a rename is one step: until it lasts the file is in corrupt/ or in its place, whence the next "
        "who claims it sets it aside again",
}
