import Archives
import Checkpoints
import Text

/// How token ids are stored in a file without a header, little-endian.
package enum TokenWidth: String, Sendable, CaseIterable {
    /// 16 bits without a sign.
    case uint16
    /// 32 bits without a sign.
    case uint32

    var dtype: DType { self == .uint16 ? .u16 : .u32 }
}

/// A long sequence of token ids, which is cut into windows.
struct FlatTokens {
    private let record: TensorRecord
    private let array: String?
    private let path: String

    /// The elements of an array.
    init(_ record: TensorRecord, array: String?, path: String) {
        self.record = record
        self.array = array
        self.path = path
    }

    /// The whole of a file.
    ///
    /// - Throws: ``Problem`` if its size is not a multiple of an id's.
    init(_ file: DataFile, width: TokenWidth) throws {
        let size = width.dtype.bytesPerBlock
        guard file.content.count % size == 0 else {
            throw Problem(
                path: file.path, problem: "not a whole number of token ids", expected: "a multiple of \(size) bytes for \(width.rawValue)",
                found: "\(file.content.count)")
        }
        do {
            record = try TensorRecord(name: "", dtype: width.dtype, shape: [file.content.count / size], bytes: file.content)
        } catch {
            throw error.at(path: file.path)
        }
        array = nil
        path = file.path
    }

    func dataset(context: Int?) throws -> Dataset {
        let windows = try TokenWindows(count: record.elementCount, context: context, array: array, path: path)
        try StoredIntegers.checkTokens(record, length: windows.length, array: array, path: path)
        let tokens = TokenSequences(checked: record, length: windows.length, total: windows.total)
        return Dataset(name: path, inputs: .tokens(tokens), targets: .nextToken)
    }
}

/// A sequence of token ids cut into windows that do not overlap. The last one may be shorter; a single id that is left over is dropped,
/// since it predicts nothing.
struct TokenWindows {
    let length: Int
    /// The ids that are used.
    let total: Int

    /// - Throws: ``Problem`` if there is no context length, or a window would have fewer than 2 ids.
    init(count: Int, context: Int?, array: String? = nil, path: String) throws {
        guard let context else {
            throw Problem(
                path: path, array: array, problem: "token ids without samples", expected: "a context length",
                found: "\(count) ids in a row",
                hint: .setContext(nil, cut: "them into sequences"))
        }
        guard context > 1 else {
            throw Problem(path: path, array: array, problem: "the context is too short", expected: "2 or more", found: "\(context)")
        }
        guard count > 1 else {
            throw Problem(path: path, array: array, problem: "too few token ids", expected: "2 or more", found: "\(count)")
        }
        length = context
        total = count % context == 1 ? count - 1 : count
    }
}

extension Dataset {
    /// The ids of a text in windows of `context`, of which the last may be shorter; a single id that is left over is dropped.
    ///
    /// - Parameters:
    ///   - ids: none negative.
    ///   - context: nil is an error whose hint names the setting.
    ///   - name: what the user wrote, which errors begin with.
    /// - Throws: ``Problem`` if the context is missing, or a window would have fewer than 2 ids.
    package static func windows(of ids: [Int32], context: Int?, name: String) throws -> Dataset {
        let windows = try TokenWindows(count: ids.count, context: context, path: name)
        if let place = ids.firstIndex(where: { $0 < 0 }) {
            throw Problem(
                path: name, problem: "a negative token id at position \(place)", expected: "0 or more", found: "\(ids[place])")
        }
        let used = windows.total == ids.count ? ids : Array(ids[..<windows.total])
        return Dataset(name: name, inputs: .tokens(TokenSequences(used, length: windows.length)), targets: .nextToken)
    }
}
