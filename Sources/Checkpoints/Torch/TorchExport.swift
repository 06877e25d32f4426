import Archives
import FoundationEssentials
import Text

/// Programs that `torch.export.save` writes: a zip file with the graph as JSON and the weights beside it, in the layout of PyTorch 2.8 and
/// later or in the older ones.
enum TorchExport {
    /// Where the weights are described, inside the archive's folder.
    private static let weightListing = "data/weights/model_weights_config.json"
    /// The whole dictionary of weights as `torch.save` writes it, by the names that versions gave it.
    private static let savedWeights = ["data/weights/model.pt", "serialized_state_dict.pt", "serialized_state_dict.json"]
    private static let savedConstants = ["data/constants/model.pt", "serialized_constants.pt", "serialized_constants.json"]
    private static let programs = ["models/model.json", "serialized_exported_program.json"]

    /// Whether a zip file is such a program.
    static func isRecognised(_ directory: ZipDirectory) -> Bool { folder(directory) != nil }

    /// The folder of all members with the slash at its end; empty in the older layout.
    private static func folder(_ directory: ZipDirectory) -> String? {
        for entry in directory.entries {
            for program in programs where entry.name.hasSuffix(program) {
                let folder = entry.name.dropLast(program.utf8.count)
                if folder.isEmpty || (folder.hasSuffix("/") && folder.dropLast().contains("/") == false) { return String(folder) }
            }
        }
        return nil
    }

    /// Reads a program's parameters and buffers.
    ///
    /// - Throws: ``Problem`` where the members that hold them are damaged or missing.
    static func read(_ directory: ZipDirectory, region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        guard let folder = folder(directory) else { throw Problem(path: path, problem: "is not an exported program") }
        let members = TorchMembers(directory, region: region, folder: folder)
        do throws(Problem) {
            try members.checkByteOrder()
            if let listing = try members.contents(weightListing) {
                return try listed(listing, members, path).with(module(members))
            }
            guard let saved = savedWeights.first(where: members.names.contains), let bytes = try members.contents(saved) else {
                throw Problem("holds no weights", expected: "'\(weightListing)' or '\(savedWeights[0])'")
            }
            let file = try TorchFile(bytes, path: path + "!" + folder + saved)
            let weights = try WeightFile(format: format, pickle: file.pickle, path: path + "!" + folder + saved, storages: file.storages)
            return weights.with(try module(members))
        } catch {
            throw error.at(path: path)
        }
    }

    /// The modules that the program's operations are.
    private static func module(_ members: TorchMembers) throws(Problem) -> SavedModule {
        let opaque = SavedModule(opaque: SavedModule.program)
        guard let name = programs.first(where: members.names.contains), let bytes = try members.contents(name) else { return opaque }
        return TorchExportGraph(bytes)?.module ?? opaque
    }

    private static let format = "PyTorch export"

    private static func listed(_ listing: ByteRegion, _ members: TorchMembers, _ path: String) throws(Problem) -> WeightFile {
        guard listing.count <= 1 << 26 else { throw Problem("'\(weightListing)' is too long", found: "\(listing.count) bytes") }
        let content: Listing
        do {
            content = try listing.withUnsafeBytes { try JSONDecoder().decode(Listing.self, from: Data($0)) }
        } catch {
            throw Problem("'\(weightListing)' is not valid", expected: "the description of each weight in JSON")
        }
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        for (name, weight) in content.config.sorted(by: { $0.key.precedesNaturally($1.key) }) {
            do throws(Problem) {
                tensors.append(try record(name, weight, members, path))
            } catch {
                unreadable.append(UnreadableTensor(name: name, shape: weight.meta?.shape, problem: error, path: path))
            }
        }
        return WeightFile(format: format, models: [.init(key: "", tensors: tensors, unreadable: unreadable)], keepsOrder: false)
    }

    private static func record(_ name: String, _ weight: Weight, _ members: TorchMembers, _ path: String) throws(Problem) -> TensorRecord {
        let member = "data/weights/" + weight.file
        guard !weight.file.contains("/"), let bytes = try members.contents(member) else {
            throw Problem("its bytes are not in the file", expected: "member \(member.quotedInMessage)")
        }
        if weight.isPickled {
            let file = try TorchFile(bytes, path: path + "!" + member)
            guard let record = try file.record(file.pickle.root, name: name) else { throw Problem("its pickle holds no tensor") }
            return record
        }
        guard let meta = weight.meta else { throw Problem("has no description") }
        guard let dtype = dtypes[meta.dtype] else { throw Problem("elements of PyTorch's type \(meta.dtype) are not supported") }
        guard let shape = meta.shape, let strides = meta.strideValues, let offset = meta.offset else {
            throw Problem("has sizes that are not numbers")
        }
        let count = try TensorRecord.byteCount(dtype: dtype, shape: shape)
        guard count <= max(bytes.count, 1 << 24) else { throw Problem("an expanded view with too many elements") }
        return try TensorRecord(name: name, dtype: dtype, shape: shape, strides: strides, offset: offset, storage: bytes)
    }

    /// The numbers of torch.export's `ScalarType`.
    private static let dtypes: [Int: DType] = [
        1: .u8, 2: .i8, 3: .i16, 4: .i32, 5: .i64, 6: .f16, 7: .f32, 8: .f64, 12: .bool, 13: .bf16, 28: .u16, 29: .f8e4m3fn,
        30: .f8e5m2, 31: .f8e4m3fnuz, 32: .f8e5m2fnuz, 34: .u32, 35: .u64,
    ]

    private struct Listing: Decodable {
        let config: [String: Weight]
    }

    private struct Weight: Decodable {
        let file: String
        let isPickled: Bool
        let meta: Meta?

        enum CodingKeys: String, CodingKey {
            case file = "path_name"
            case isPickled = "use_pickle"
            case meta = "tensor_meta"
        }
    }

    /// What the program says of a tensor; sizes that are computed have no number.
    private struct Meta: Decodable {
        struct Number: Decodable {
            let value: Int?

            enum CodingKeys: String, CodingKey { case value = "as_int" }
        }

        let dtype: Int
        let sizes: [Number]
        let strides: [Number]
        let storageOffset: Number

        enum CodingKeys: String, CodingKey {
            case dtype, sizes, strides
            case storageOffset = "storage_offset"
        }

        var shape: [Int]? { Self.values(sizes) }
        var strideValues: [Int]? { Self.values(strides) }
        var offset: Int? { storageOffset.value }

        private static func values(_ numbers: [Number]) -> [Int]? {
            let values = numbers.compactMap(\.value)
            return values.count == numbers.count ? values : nil
        }
    }
}
