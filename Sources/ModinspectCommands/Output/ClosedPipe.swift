/// The reader of a pipe has gone: the command ends, and that is success.
struct ClosedPipe: Error {}
