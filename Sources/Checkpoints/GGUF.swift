import Archives
import Text

/// GGUF files, versions 2 and 3: a header with metadata and tensor descriptions, then the tensors at aligned offsets.
enum GGUF {
    /// Whether a file begins as GGUF does.
    static func isGGUF(_ region: ByteRegion) -> Bool {
        region.bytes(0..<4).map { $0.elementsEqual("GGUF".utf8) } ?? false
    }

    /// Reads a file's descriptions; the data stay where they are in the file. Tensors of types that are not known, and those whose data
    /// leave the file or overlap others, cannot be read; the others can.
    ///
    /// - Parameter path: the file, for messages.
    /// - Throws: ``Problem`` for damaged and big-endian files and other versions.
    static func read(_ region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        guard isGGUF(region) else { throw Problem(path: path, problem: "not a GGUF file", expected: "the letters GGUF") }
        var header = GGUFHeader(region, path: path)
        let tensors = try header.readTensors()
        return WeightFile(
            format: "GGUF", models: [WeightFile.Model(key: "", tensors)], keepsOrder: true, metadata: header.metadata,
            part: header.part)
    }
}

/// Reads a GGUF header from its beginning to the tensors.
private struct GGUFHeader {
    private(set) var metadata: [MetadataEntry] = []
    private var reader: ByteReader
    private let region: ByteRegion
    private let path: String
    private var alignment = 32

    /// One tensor as the header describes it.
    private struct Description {
        let name: String
        let shape: [Int]
        let type: UInt32
        let declaredOffset: UInt64
        let dtype: DType?
        /// The range of its bytes; nil if it is not known.
        var place: Range<Int>?
        var problem: Problem?
    }

    private static let nameLimit = 1 << 16
    private static let dimensionLimit = 8

    init(_ region: ByteRegion, path: String) {
        self.region = region
        self.path = path
        reader = ByteReader(region, at: 4)
    }

    /// Which part of a split model the file is, according to its metadata.
    var part: SplitPart? {
        func number(_ key: String) -> Int? {
            if case .integer(let value)? = metadata.first(where: { $0.key == key })?.value { value } else { nil }
        }
        guard let count = number("split.count"), count > 1 else { return nil }
        return SplitPart(number: number("split.no") ?? 0, count: count, tensorCount: number("split.tensors.count"))
    }

    mutating func readTensors() throws(Problem) -> [ReadTensor] {
        let version: UInt32 = try number("the version")
        if version & 0xFFFF == 0, version != 0 {
            throw Problem(path: path, problem: "a big-endian GGUF file is not supported", expected: "little-endian")
        }
        guard version == 2 || version == 3 else {
            throw Problem(path: path, problem: "unknown GGUF version", expected: "2 or 3", found: "\(version)")
        }
        // A description has at least 24 bytes, an entry of the metadata 13.
        let tensorCount = try count("tensors", leastSize: 24)
        let entryCount = try count("metadata entries", leastSize: 13)
        for _ in 0..<entryCount { try readEntry() }
        var descriptions: [Description] = []
        descriptions.reserveCapacity(tensorCount)
        for _ in 0..<tensorCount { descriptions.append(try readDescription()) }
        // The first part of a split model may hold the metadata alone.
        guard !descriptions.isEmpty || part != nil else { throw Problem(path: path, problem: "no tensors") }
        try checkNames(descriptions)
        let (rounded, overflow) = reader.position.addingReportingOverflow(alignment - 1)
        guard !overflow else { throw Problem(path: path, problem: "the header extends past the end of the file") }
        return records(descriptions, dataStart: rounded / alignment * alignment)
    }

    private func records(_ described: [Description], dataStart: Int) -> [ReadTensor] {
        var descriptions = described
        markOverlaps(&descriptions)
        return descriptions.map { description in
            let name = description.name
            func unreadable(_ problem: Problem) -> ReadTensor {
                .unreadable(
                    UnreadableTensor(
                        name: name, dtype: GGUFType.name(description.type), shape: description.shape, problem: problem, path: path))
            }
            if let problem = description.problem { return unreadable(problem) }
            guard let dtype = description.dtype, let place = description.place else { return unreadable(Problem("cannot be read")) }
            let (start, overflow) = dataStart.addingReportingOverflow(place.lowerBound)
            guard !overflow, let bytes = region.slice(offset: start, count: place.count) else {
                return unreadable(
                    Problem(
                        "its data extend past the end of the file", expected: "\(place.count) bytes at \(place.lowerBound)",
                        found: "\(max(region.count - dataStart, 0)) bytes of data"))
            }
            do throws(Problem) {
                return .record(try TensorRecord(name: name, dtype: dtype, shape: description.shape, bytes: bytes))
            } catch {
                return unreadable(error)
            }
        }
    }

    /// Neither of two tensors that share bytes can be trusted.
    private func markOverlaps(_ descriptions: inout [Description]) {
        let order = descriptions.indices.filter { descriptions[$0].place.map { !$0.isEmpty } ?? false }
            .sorted { (descriptions[$0].place?.lowerBound ?? 0) < (descriptions[$1].place?.lowerBound ?? 0) }
        // The one that reaches furthest so far.
        var last: Int?
        for index in order {
            guard let place = descriptions[index].place else { continue }
            guard let before = last, let end = descriptions[before].place?.upperBound else {
                last = index
                continue
            }
            if place.lowerBound < end {
                let names = (descriptions[before].name, descriptions[index].name)
                descriptions[before].problem = descriptions[before].problem ?? Problem("overlaps tensor '\(names.1)'")
                descriptions[index].problem = Problem("overlaps tensor '\(names.0)'")
            }
            if place.upperBound > end { last = index }
        }
    }

    private func checkNames(_ descriptions: [Description]) throws(Problem) {
        var names = DistinctNames()
        for description in descriptions {
            guard let conflict = names.conflict(adding: description.name, twice: "the file names it twice") else { continue }
            throw Problem(path: path, tensor: description.name, problem: conflict)
        }
    }
}

// MARK: - Parts of the header

extension GGUFHeader {
    private func truncated(_ what: String) -> Problem {
        Problem(path: path, problem: "the file ends before \(what)", found: "\(region.count) bytes")
    }

    private mutating func number<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ what: String
    ) throws(Problem) -> Integer {
        guard let value = reader.integer(Integer.self) else { throw truncated(what) }
        return value
    }

    /// The count of items of at least `leastSize` bytes each, which must fit into the remaining bytes.
    private mutating func count(_ what: String, leastSize: Int) throws(Problem) -> Int {
        let declared: UInt64 = try number("the number of \(what)")
        guard let count = Int(exactly: declared), count <= reader.remaining / leastSize else {
            throw Problem(
                path: path, problem: "too many \(what) for the file", expected: "at most \(reader.remaining / leastSize)",
                found: "\(declared)")
        }
        return count
    }

    private mutating func skip(_ count: Int, _ what: String) throws(Problem) {
        guard reader.take(count) != nil else { throw truncated("the end of \(what)") }
    }

    private mutating func string(_ what: String, limit: Int) throws(Problem) -> String {
        let length = try count("bytes of \(what)", leastSize: 1)
        guard length <= limit else {
            throw Problem(path: path, problem: "\(what) is too long", expected: "at most \(limit) bytes", found: "\(length)")
        }
        guard let bytes = reader.take(length) else { throw truncated(what) }
        return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Passes an entry of the metadata, whose value is decoded when it is requested.
    private mutating func readEntry() throws(Problem) {
        let key = try string("a metadata key", limit: Self.nameLimit)
        let type: UInt32 = try number("the type of '\(key)'")
        let start = reader.position
        if key == "general.alignment" {
            guard type == 4 else {
                throw Problem(path: path, problem: "'general.alignment' is not a 32-bit integer", found: "type \(type)")
            }
            let value: UInt32 = try number("the alignment")
            guard value.nonzeroBitCount == 1, value <= 1 << 24 else {
                throw Problem(path: path, problem: "bad alignment", expected: "a power of two", found: "\(value)")
            }
            alignment = Int(value)
        } else {
            try skipValue(type, key: key, depth: 0)
        }
        let (region, position) = (region, start)
        metadata.append(MetadataEntry(key: key) { GGUFValue.read(type, region, at: position) })
    }

    private mutating func skipValue(_ type: UInt32, key: String, depth: Int) throws(Problem) {
        if let size = Self.valueSizes[type] { return try skip(size, "'\(key)'") }
        switch type {
        case 8: try skip(try count("bytes of '\(key)'", leastSize: 1), "'\(key)'")
        case 9:
            guard depth < 4 else { throw Problem(path: path, problem: "'\(key)' nests arrays too deeply") }
            let elementType: UInt32 = try number("the element type of '\(key)'")
            if let size = Self.valueSizes[elementType] {
                try skip(try count("elements of '\(key)'", leastSize: size) * size, "'\(key)'")
            } else {
                let elements = try count("elements of '\(key)'", leastSize: 8)
                for _ in 0..<elements { try skipValue(elementType, key: key, depth: depth + 1) }
            }
        default: throw Problem(path: path, problem: "'\(key)' has an unknown type", found: "\(type)")
        }
    }

    /// The bytes of the metadata types of fixed size.
    private static let valueSizes: [UInt32: Int] = [
        0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8,
    ]

    private mutating func readDescription() throws(Problem) -> Description {
        let name = try string("a tensor's name", limit: Self.nameLimit)
        let rank: UInt32 = try number("the dimensions of '\(name)'")
        guard rank <= Self.dimensionLimit else {
            throw Problem(
                path: path, tensor: name, problem: "too many dimensions", expected: "at most \(Self.dimensionLimit)",
                found: "\(rank)")
        }
        var shape: [Int] = []
        for _ in 0..<rank {
            let length: UInt64 = try number("the dimensions of '\(name)'")
            guard let length = Int(exactly: length) else {
                throw Problem(path: path, tensor: name, problem: "shape overflows", found: "\(length)")
            }
            shape.append(length)
        }
        // GGML writes the fastest dimension first.
        shape.reverse()
        let type: UInt32 = try number("the type of '\(name)'")
        let declared: UInt64 = try number("the offset of '\(name)'")
        var description = Description(name: name, shape: shape, type: type, declaredOffset: declared, dtype: GGUFType.dtype(type))
        guard let dtype = description.dtype else {
            description.problem = Problem("its type \(GGUFType.name(type)) is not supported")
            return description
        }
        do throws(Problem) {
            let byteCount = try TensorRecord.byteCount(dtype: dtype, shape: shape)
            guard let offset = Int(exactly: declared), offset % alignment == 0 else {
                throw Problem("bad offset", expected: "a multiple of \(alignment)", found: "\(declared)")
            }
            let (end, overflow) = offset.addingReportingOverflow(byteCount)
            guard !overflow else {
                throw Problem("its data extend past the end of the file", expected: "\(byteCount) bytes at \(offset)", found: "an overflow")
            }
            description.place = offset..<end
        } catch {
            description.problem = error
        }
        return description
    }
}
