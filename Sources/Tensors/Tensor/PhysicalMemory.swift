import Glibc

/// The memory that this process may use.
package enum PhysicalMemory {
    /// In bytes: the machine's memory, or the limit of the process's address space or control groups if that is less; a
    /// terabyte if it is not known.
    package static let byteCount: Int = [machine, addressSpace, controlGroup].compactMap { $0 }.min() ?? 1 << 40

    private static var machine: Int? {
        let memory = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
        return memory.overflow || memory.partialValue <= 0 ? nil : memory.partialValue
    }

    /// The limit of the process's address space; nil if there is none.
    static var addressSpace: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return nil }
        return Int(exactly: limit.rlim_cur)
    }

    /// The memory that the process's own pages may use under the limits of its control groups, which the kernel enforces by SIGKILL; nil if they
    /// set no limit.
    package static let allowance: Int? = {
        guard let groups = contents("/proc/self/cgroup") else { return nil }
        return allowance(groups: groups, own: ownMemory) { contents($0) }
    }()

    /// The limits minus the memory that other processes of the groups use, and minus a sixteenth for what is not counted: small
    /// allocations, page tables, pages of files that are being read.
    ///
    /// - Parameters:
    ///   - groups: the text of `/proc/self/cgroup`.
    ///   - own: the memory that the process uses now.
    ///   - read: a file's text, or nil if there is none.
    static func allowance(groups: String, own: Int, read: (String) -> String?) -> Int? {
        limits(groups: groups, read: read).map { limit, folder in
            let others = max(0, usedMemory(read(folder + "/memory.stat") ?? "") - own)
            return max(0, limit - limit / 16 - others)
        }.min()
    }

    /// The memory of a group's processes other than file pages, from the text of its `memory.stat`; 0 if it is not listed.
    private static func usedMemory(_ statistics: String) -> Int {
        for line in statistics.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "anon" || words[0] == "total_rss" { return Int(words[1]) ?? 0 }
        }
        return 0
    }

    /// The memory of the process other than file pages; 0 if it is not known.
    private static var ownMemory: Int {
        let fields = (contents("/proc/self/statm") ?? "").split(separator: " ").map { Int($0) ?? 0 }
        return fields.count > 2 ? max(0, fields[1] - fields[2]) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    /// The address space that the process uses; 0 if it is not known.
    static var usedAddressSpace: Int {
        let pages = contents("/proc/self/statm").flatMap { Int($0.prefix { $0.isNumber }) }
        return (pages ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The smallest limit of the process's control group and the groups that contain it.
    private static var controlGroup: Int? {
        guard let groups = contents("/proc/self/cgroup") else { return nil }
        return smallestLimit(groups: groups) { contents($0) }
    }

    /// The smallest limit that the control groups set.
    ///
    /// - Parameters:
    ///   - groups: the text of `/proc/self/cgroup`, a line `ID:CONTROLLERS:PATH` for each hierarchy.
    ///   - read: a file's text, or nil if there is none.
    static func smallestLimit(groups: String, read: (String) -> String?) -> Int? {
        limits(groups: groups, read: read).map(\.limit).min()
    }

    /// The limits that the control groups set, each with the folder that it was read from.
    private static func limits(groups: String, read: (String) -> String?) -> [(limit: Int, folder: String)] {
        var limits: [(limit: Int, folder: String)] = []
        for line in groups.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let (root, file): (String, String)
            if fields[1].isEmpty {
                (root, file) = ("/sys/fs/cgroup", "memory.max")
            } else if fields[1].split(separator: ",").contains("memory") {
                (root, file) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                continue
            }
            var parts = fields[2].split(separator: "/")
            while true {
                let folder = ([root] + parts.map(String.init)).joined(separator: "/")
                // No limit is the word max, or a number beyond any memory.
                let limit = read(folder + "/" + file).flatMap { Int($0.prefix { $0.isNumber }) }
                if let limit, limit > 0, limit < 1 << 60 { limits.append((limit, folder)) }
                if parts.isEmpty { break }
                parts.removeLast()
            }
        }
        return limits
    }

    /// The beginning of a small file.
    private static func contents(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 1 << 12, alignment: 1) { bytes in
            let count = Glibc.read(file, bytes.baseAddress, bytes.count)
            return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
        }
    }
}
