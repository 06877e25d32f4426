import CProcess
import Glibc
import Text

/// A hidden name in a folder under which something is written until it is complete.
///
/// Its owner holds a lock on it as long as it is needed. Files left by a killed process are no longer locked, and the next run that
/// writes into the folder removes it. SIGINT, SIGTERM, SIGHUP and SIGQUIT remove it at once.
package final class Temporary {
    package let path: String
    private var lock: Int32
    private var numbers: [Int32] = []

    private static let prefix = ".modinspect."
    /// The beginning of the name of a directory that is set aside while another one replaces it.
    private static let asidePrefix = prefix + "old."

    /// A signal removes whatever is created under the name from then on.
    private init(_ path: String, lock: Int32 = -1) {
        self.path = path
        self.lock = lock
        keep(path)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            var action = sigaction()
            sigaction(signal, nil, &action)
            if unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0 { cprocess_clean_on(signal) }
        }
    }

    deinit {
        for number in numbers { cprocess_forget(number) }
        if lock >= 0 { close(lock) }
    }

    /// Says that a file in the temporary directory will be written, so that signals remove it too.
    package func keep(_ path: String) { numbers.append(cprocess_keep(path)) }

    /// Makes a hidden file, whose descriptor is the caller's to close.
    static func file(in folder: String) throws(Problem) -> (temporary: Temporary, descriptor: Int32) {
        try make(in: folder) { open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
    }

    /// Makes a hidden directory.
    package static func directory(in folder: String) throws(Problem) -> Temporary {
        let (temporary, descriptor) = try make(in: folder) { path in
            guard mkdir(path, 0o700) == 0 else { return -1 }
            let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            // Nobody holds a lock yet: another process may have swept it away as a leftover, and another name is tried.
            if opened < 0, errno == ENOENT { errno = EEXIST }
            return opened
        }
        close(descriptor)
        return temporary
    }

    private static func make(
        in folder: String, _ create: (String) -> Int32
    ) throws(Problem) -> (temporary: Temporary, descriptor: Int32) {
        for _ in 0..<attempts {
            let path = folder + "/" + prefix + String((0..<6).map { _ in letters.randomElement() ?? "a" })
            let temporary = Temporary(path)
            let descriptor = create(path)
            if descriptor < 0, errno == EEXIST { continue }
            guard descriptor >= 0 else { throw Problem(cannot: "write", code: errno) }
            let lock = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            let isTaken = flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
            // Before it was locked another process may have taken it for a leftover: then it is gone, and another one is made.
            if !isTaken, isAt(path, descriptor) {
                temporary.lock = lock
                return (temporary, descriptor)
            }
            close(lock)
            close(descriptor)
        }
        throw Problem(cannot: "write", code: EEXIST)
    }

    /// Gives a nameless file a hidden name, for the moment before it is renamed: a link cannot replace a file.
    static func link(_ descriptor: Int32, in folder: String) throws(Problem) -> Temporary {
        for attempt in 0..<attempts {
            let lock = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            flock(lock, LOCK_EX | LOCK_NB)
            let temporary = Temporary("\(folder)/\(prefix)\(getpid()).\(attempt)", lock: lock)
            if linkat(AT_FDCWD, descriptorPath(descriptor), AT_FDCWD, temporary.path, AT_SYMLINK_FOLLOW) == 0 { return temporary }
            guard errno == EEXIST else { break }
        }
        throw Problem(cannot: "write", code: errno)
    }

    private static let attempts = 100
    private static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

    /// The path of an open file. Without /proc there is none.
    static func descriptorPath(_ descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

    /// Whether a path still leads to an open file.
    private static func isAt(_ path: String, _ descriptor: Int32) -> Bool {
        var (named, opened) = (stat(), stat())
        return lstat(path, &named) == 0 && fstat(descriptor, &opened) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
    }
}

// MARK: - Directories that replace others

extension Temporary {
    /// Puts the temporary directory in the place of a full one, which is removed.
    ///
    /// The old directory or the new one exists at every moment if the file system can exchange two names; elsewhere the old one is kept
    /// under a name from which ``restore(_:)`` brings it back.
    package func replaceDirectory(_ target: String) throws(Problem) {
        if cprocess_exchange(path, target) == 0 {
            Self.removeDirectory(path)
            return
        }
        guard [ENOSYS, EINVAL, ENOTSUP].contains(errno) else { throw Problem(cannot: "replace", code: errno) }
        try replaceDirectoryInTwoSteps(target)
    }

    func replaceDirectoryInTwoSteps(_ target: String) throws(Problem) {
        let aside = Self.aside(target)
        let lock = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(lock) }
        flock(lock, LOCK_EX | LOCK_NB)
        guard rename(target, aside) == 0 else { throw Problem(cannot: "replace", code: errno) }
        guard rename(path, target) == 0 else {
            let code = errno
            _ = rename(aside, target)
            throw Problem(cannot: "rename to", code: code)
        }
        Self.removeDirectory(aside)
    }

    private static func aside(_ target: String) -> String {
        AtomicFile.directory(of: target) + "/" + asidePrefix + (target.split(separator: "/").last.map(String.init) ?? "")
    }

    /// Brings back a directory that a killed process had put aside.
    package static func restore(_ target: String) {
        let aside = Self.aside(target)
        guard access(target, F_OK) != 0, let lock = lockLeftover(aside) else { return }
        _ = rename(aside, target)
        close(lock)
    }

    /// Removes a directory with the files in it and in its directories; what lies deeper stays.
    package static func removeDirectory(_ directory: String) {
        for name in names(in: directory) {
            let path = directory + "/" + name
            guard unlink(path) != 0, errno == EISDIR || errno == EPERM else { continue }
            for file in names(in: path) { unlink(path + "/" + file) }
            rmdir(path)
        }
        rmdir(directory)
    }
}

// MARK: - Leftovers of killed processes

extension Temporary {
    /// Removes what processes that were killed left in a folder, and brings back the directories that they had put aside.
    package static func sweep(_ folder: String) {
        for name in names(in: folder) where name.hasPrefix(prefix) {
            let path = folder + "/" + name
            if name.hasPrefix(asidePrefix) {
                let target = folder + "/" + String(name.dropFirst(asidePrefix.count))
                restore(target)
                guard let lock = lockLeftover(path) else { continue }
                removeDirectory(path)
                close(lock)
            } else if isTemporary(name), let lock = lockLeftover(path) {
                if unlink(path) != 0 { removeDirectory(path) }
                close(lock)
            }
        }
    }

    /// Whether a name is one that is given here: six letters or digits, or a process's number and an attempt.
    private static func isTemporary(_ name: String) -> Bool {
        let rest = name.dropFirst(prefix.count).utf8
        let parts = rest.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        if parts.count == 2 { return parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(digits.contains) } }
        let isLetter = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
        return rest.count == 6 && rest.allSatisfy { digits.contains($0) || isLetter($0) }
    }

    /// A lock on a file or directory that nobody owns, to be closed; nil if somebody does.
    private static func lockLeftover(_ path: String) -> Int32? {
        let lock = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard lock >= 0 else { return nil }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0, isAt(path, lock) else {
            close(lock)
            return nil
        }
        return lock
    }

    private static func names(in folder: String) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
