import Checkpoints
import Text

/// A tensor that cannot be read.
struct UnreadableInfo: Encodable {
    let tensor: String
    /// As the file words it; nil if it does not say.
    let dtype: String?
    /// nil if the file does not say.
    let shape: [Int]?
    /// Why it cannot be read.
    let reason: String

    init(_ unreadable: UnreadableTensor) {
        tensor = unreadable.name
        dtype = unreadable.dtype
        shape = unreadable.shape
        reason = unreadable.reason
    }
}

/// A global of a pickle.
struct GlobalInfo: Encodable {
    let global: String
    /// The member of the archive that holds the pickle; nil for the file itself.
    let member: String?
    /// Whether it is beyond what tensors, plain data and the code of a TorchScript archive need.
    let foreign: Bool
    /// Whether it is a class of the code in a TorchScript archive, or one of TorchScript's lists.
    let script: Bool
}

/// A member that could not be searched for pickles, or a pickle that is damaged.
struct UnscannedInfo: Encodable {
    /// Empty for the file itself.
    let member: String
    let reason: String
}

/// Bytes behind the last pickle of a file that are no pickle.
struct TrailingInfo: Encodable {
    /// The member of the archive that holds the pickle; nil for the file itself.
    let member: String?
    let bytes: Int
}

/// The progress of a training run.
struct TrainingInfo: Encodable {
    let step: Int?
    let epoch: Double?

    /// `step 500, epoch 2.5`.
    var text: String {
        [step.map { "step " + ByteText.grouped($0) }, epoch.map { "epoch " + (Int(exactly: $0).map(String.init) ?? "\($0)") }]
            .compactMap { $0 }.joined(separator: ", ")
    }
}

/// An entry of a file's metadata.
struct MetadataInfo: Encodable {
    let key: String
    let value: EncodableJSON

    init(_ entry: MetadataEntry) {
        key = entry.key
        value = EncodableJSON(value: entry.value)
    }

    /// The entry as text; nil for a list.
    var line: String? {
        switch value.value {
        case .string(let text): "\(key) = \(text.count > 60 ? text.prefix(60) + "..." : text)"
        case .integer(let number): "\(key) = \(number)"
        case .number(let number): "\(key) = \(number)"
        case .bool(let flag): "\(key) = \(flag)"
        case .null, .list, .object: nil
        }
    }
}

/// A JSON value as it was read, written again.
struct EncodableJSON: Encodable {
    let value: JSONValue

    func encode(to encoder: any Encoder) throws {
        switch value {
        case .object(let members):
            var container = encoder.container(keyedBy: ColumnKey.self)
            for member in members { try container.encode(EncodableJSON(value: member.value), forKey: ColumnKey(stringValue: member.name)) }
        case .list(let items):
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(EncodableJSON(value: item)) }
        default:
            var container = encoder.singleValueContainer()
            switch value {
            case .bool(let flag): try container.encode(flag)
            case .integer(let number): try container.encode(number)
            case .number(let number): try container.encode(number)
            case .string(let text): try container.encode(text)
            default: try container.encodeNil()
            }
        }
    }
}
