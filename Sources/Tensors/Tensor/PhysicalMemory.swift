import Glibc

/// The memory that the machine has.
package enum PhysicalMemory {
    /// In bytes; a terabyte where the system does not say.
    package static var byteCount: Int {
        let memory = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE)))
        return memory.overflow || memory.partialValue <= 0 ? 1 << 40 : memory.partialValue
    }
}
