/// A checkpoint that a search of files has found.
package struct FoundCheckpoint: Sendable, Hashable {
    /// One of the files that it consists of.
    package struct FoundFile: Sendable, Hashable {
        package let path: String
        /// In bytes.
        package let size: Int
        /// When it was last changed, in nanoseconds since 1970.
        package let modified: Int

        package init(path: String, size: Int, modified: Int) {
            self.path = path
            self.size = size
            self.modified = modified
        }
    }

    /// What is opened.
    package let path: String
    /// The path from the root of the search, by which results know the checkpoint.
    package let name: String
    /// The model that an adapter is merged into; nil for any other checkpoint.
    package let base: String?
    package let files: [FoundFile]

    package init(path: String, name: String, base: String? = nil, files: [FoundFile]) {
        self.path = path
        self.name = name
        self.base = base
        self.files = files
    }
}
