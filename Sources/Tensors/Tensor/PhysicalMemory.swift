import Glibc

/// The memory that this process may use.
package enum PhysicalMemory {
    /// In bytes: the machine's memory, or what the process's address space and its control groups are limited to where that is less; a
    /// terabyte where the system does not say.
    package static let byteCount: Int = [machine, addressSpace, controlGroup].compactMap { $0 }.min() ?? 1 << 40

    private static var machine: Int? {
        let memory = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
        return memory.overflow || memory.partialValue <= 0 ? nil : memory.partialValue
    }

    /// What the process's address space is limited to; nil where it is not.
    static var addressSpace: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return nil }
        return Int(exactly: limit.rlim_cur)
    }

    /// The address space that the process takes; 0 where the system does not say.
    static var usedAddressSpace: Int {
        let pages = contents("/proc/self/statm").flatMap { Int($0.prefix { $0.isNumber }) }
        return (pages ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The smallest limit of the process's control group and the groups that it lies in.
    private static var controlGroup: Int? {
        guard let groups = contents("/proc/self/cgroup") else { return nil }
        return smallestLimit(groups: groups) { contents($0) }
    }

    /// The smallest limit that the control groups name.
    ///
    /// - Parameters:
    ///   - groups: the text of `/proc/self/cgroup`, a line `ID:CONTROLLERS:PATH` for each hierarchy.
    ///   - read: a file's text, or nil where there is none.
    static func smallestLimit(groups: String, read: (String) -> String?) -> Int? {
        var smallest: Int?
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
                if let limit, limit > 0 { smallest = min(smallest ?? limit, limit) }
                if parts.isEmpty { break }
                parts.removeLast()
            }
        }
        return smallest
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
