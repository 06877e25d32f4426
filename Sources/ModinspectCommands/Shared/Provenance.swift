import Networks

/// A result with the common head of every json document and line.
@dynamicMemberLookup
struct Provenanced<Result: Encodable>: Encodable {
    /// The name and version of the format of the result.
    let schema: String
    let version = modinspectVersion
    /// nil if nothing is random.
    let seed: UInt64?
    /// The checkpoint, of results that have one.
    let checkpoint: CheckpointSource?
    let result: Result

    init(_ schema: String, seed: UInt64?, checkpoint: CheckpointSource? = nil, _ result: Result) {
        self.schema = schema
        self.seed = seed
        self.checkpoint = checkpoint
        self.result = result
    }

    subscript<Value>(dynamicMember member: KeyPath<Result, Value>) -> Value { result[keyPath: member] }

    private enum CodingKeys: String, CodingKey { case schema, version, seed, checkpoint }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(schema, forKey: .schema)
        try container.encode(version, forKey: .version)
        try container.encodeIfPresent(seed, forKey: .seed)
        if let checkpoint { try container.encode(checkpoint, forKey: .checkpoint) }
        try result.encode(to: encoder)
    }
}

/// The members of two values in one object.
struct Joined<First: Encodable, Second: Encodable>: Encodable {
    let first: First
    let second: Second

    init(_ first: First, _ second: Second) {
        self.first = first
        self.second = second
    }

    func encode(to encoder: any Encoder) throws {
        try first.encode(to: encoder)
        try second.encode(to: encoder)
    }
}

/// A value under a key.
struct Keyed<Value: Encodable>: Encodable {
    let key: String
    let value: Value

    init(_ key: String, _ value: Value) {
        self.key = key
        self.value = value
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: ColumnKey.self)
        try container.encode(value, forKey: ColumnKey(stringValue: key))
    }
}

/// The checkpoint that a result comes from, and the network that was run.
struct CheckpointSource: Encodable {
    let path: String
    /// The hash of the bytes that the checkpoint is read from, in hexadecimal; nil if hashing was not requested.
    let sha256: String?
    /// The model that an adapter was merged with; nil for any other checkpoint.
    var base: BaseSource?
    /// nil if nothing was run.
    var run: ArchitectureSource?

    private enum CodingKeys: String, CodingKey { case path, sha256, base }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encodeIfPresent(sha256, forKey: .sha256)
        if let base { try container.encode(base, forKey: .base) }
        try run?.encode(to: encoder)
    }
}

extension CheckpointSource {
    init(_ model: LoadedModel, sha256: String?, base: BaseSource?) {
        self.init(path: model.checkpoint.path, sha256: sha256, base: base, run: ArchitectureSource(model))
    }
}

/// The model that an adapter was merged into.
struct BaseSource: Encodable {
    let path: String
    /// As of ``CheckpointSource``.
    let sha256: String?
}

/// The network that was run, and where its architecture comes from.
struct ArchitectureSource: Encodable {
    /// The architecture of a plain chain; nil for transformers.
    let architecture: String?
    /// Whether the architecture was `given`, kept in the `archive`, named by the `file`, or `assumed`; nil for transformers.
    let architectureSource: String?

    init(_ model: LoadedModel) {
        architecture = model.architecture?.description
        architectureSource = model.source?.rawValue
    }
}
