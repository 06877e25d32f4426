import Checkpoints
import Modularity
import Text

/// The clusters of one checkpoint of a series, or of one file of clusters.
struct SeriesMember: Encodable {
    struct Layer: Encodable {
        let name: String
        let k: Int
        /// As of ``ComparedClusters/scores``; nil for files of clusters.
        let scores: [Double?]
        let out: [Int]
        let into: [Int]

        /// [out, in]
        var shape: [Int] { [out.count, into.count] }
    }

    let kind: CompareReport.Kind
    let sha256: String?
    let base: BaseSource?
    let layers: [Layer]

    init(kind: CompareReport.Kind, sha256: String?, base: BaseSource? = nil, layers: [Layer]) {
        self.kind = kind
        self.sha256 = sha256
        self.base = base
        self.layers = layers
    }
}

extension SeriesMember.Layer {
    init(_ clustering: LayerClustering, _ measures: Clusterability? = nil) {
        self.init(
            name: clustering.layer, k: clustering.clusterCount, scores: ComparedClusters.measures.map { measures?[$0] },
            out: clustering.outLabels.values, into: clustering.inLabels.values)
    }
}

/// What became of one of the series, as its place in the result and as a worker's answer.
enum SeriesInput {
    case ok(SeriesMember)
    case failed(FailedCheckpoint)
    /// Wrong usage, which ends everything.
    case wrongUsage(String)
}

extension SeriesInput {
    private struct Answer: Encodable {
        var member: SeriesMember?
        var failure: FailedCheckpoint?
        /// The whole message, of which `failure` has the parts.
        var message: String?
        var usage: String?
    }

    /// As a worker answers.
    var answer: [UInt8] {
        let answer =
            switch self {
            case .ok(let member): Answer(member: member)
            case .failed(let failure): Answer(failure: failure, message: failure.message)
            case .wrongUsage(let message): Answer(usage: message)
            }
        guard let bytes = try? ReportEncoder.bytes(of: answer, isIndented: false) else { preconditionFailure("an answer without errors") }
        return bytes
    }

    /// - Throws: ``Problem`` for anything that ``answer`` is not.
    init(answer bytes: [UInt8], path: String) throws {
        var member: SeriesMember?
        var reason: FailedCheckpoint.Reason?
        var (message, usage): (String?, String?)
        try bytes.withUnsafeBytes { bytes in
            try JSONCursor.reading(bytes) { cursor in
                try cursor.readObject { cursor, name in
                    if cursor.takeNull() { return }
                    switch name {
                    case "member": member = try Self.member(&cursor)
                    case "failure": reason = try Self.reason(&cursor)
                    case "message": message = try cursor.readText()
                    case "usage": usage = try cursor.readText()
                    default: try cursor.skip()
                    }
                }
            }
        }
        if let member {
            self = .ok(member)
        } else if let reason, let message {
            self = .failed(FailedCheckpoint(path: path, reason, message: message))
        } else if let usage {
            self = .wrongUsage(usage)
        } else {
            throw Problem("is not the answer of a worker")
        }
    }

    private static func reason(_ cursor: inout JSONCursor) throws -> FailedCheckpoint.Reason {
        var texts: [String: String] = [:]
        try cursor.readObject { cursor, name in
            guard name == "error" else { return try cursor.skip() }
            try cursor.readObject { cursor, name in if !cursor.takeNull() { texts[name] = try cursor.readText() } }
        }
        return FailedCheckpoint.Reason(what: texts["what"] ?? "", expected: texts["expected"], found: texts["found"])
    }

    private static func member(_ cursor: inout JSONCursor) throws -> SeriesMember {
        var kind = CompareReport.Kind.checkpoints
        var sha256: String?
        var base: [String: String]?
        var layers: [SeriesMember.Layer] = []
        try cursor.readObject { cursor, name in
            if cursor.takeNull() { return }
            switch name {
            case "kind": kind = try CompareReport.Kind(rawValue: cursor.readText()) ?? kind
            case "sha256": sha256 = try cursor.readText()
            case "base":
                var texts: [String: String] = [:]
                try cursor.readObject { cursor, name in if !cursor.takeNull() { texts[name] = try cursor.readText() } }
                base = texts
            case "layers": try cursor.readList { layers.append(try layer(&$0)) }
            default: try cursor.skip()
            }
        }
        return SeriesMember(
            kind: kind, sha256: sha256, base: base.map { BaseSource(path: $0["path"] ?? "", sha256: $0["sha256"]) }, layers: layers)
    }

    private static func layer(_ cursor: inout JSONCursor) throws -> SeriesMember.Layer {
        var (name, k) = ("", 0)
        var scores: [Double?] = []
        var (out, into): ([Int], [Int]) = ([], [])
        try cursor.readObject { cursor, key in
            switch key {
            case "name": name = try cursor.readText()
            case "k": k = try cursor.readInteger()
            case "scores": try cursor.readList { scores.append($0.takeNull() ? nil : try $0.readDouble()) }
            case "out": out = try cursor.readIntegers(in: Labels.none...Int.max)
            case "into": into = try cursor.readIntegers(in: Labels.none...Int.max)
            default: try cursor.skip()
            }
        }
        return SeriesMember.Layer(name: name, k: k, scores: scores, out: out, into: into)
    }
}
