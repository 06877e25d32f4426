import Archives
import Text

/// Programs that `torch.export.save` writes: a zip file with the graph as JSON, and the weights, in the layout of PyTorch 2.8 and
/// later or in an older one.
enum TorchExport {
    /// Where the weights are described, inside the archive's folder.
    private static let weightListing = "data/weights/model_weights_config.json"
    /// The whole dictionary of weights as `torch.save` writes it, by the names that versions gave it.
    private static let savedWeights = ["data/weights/model.pt", "serialized_state_dict.pt", "serialized_state_dict.json"]
    private static let constantListing = "data/constants/model_constants_config.json"
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
    /// - Throws: ``Problem`` if the members that hold them are damaged or missing.
    static func read(_ directory: ZipDirectory, region: ByteRegion, path: String) throws(Problem) -> WeightFile {
        guard let folder = folder(directory) else { throw Problem(path: path, problem: "is not an exported program") }
        let members = TorchMembers(directory, region: region, folder: folder)
        do throws(Problem) {
            try members.checkByteOrder()
            let program = try program(members)
            if let listing = try members.contents(weightListing) {
                let file = try listed(listing, members, path).adding(try constants(members, path, of: program)).tied(as: program)
                return file.with(module(program, file))
            }
            guard let saved = savedWeights.first(where: members.names.contains), let bytes = try members.contents(saved) else {
                throw Problem("holds no weights", expected: "'\(weightListing)' or '\(savedWeights[0])'")
            }
            let file = try TorchFile(bytes, path: path + "!" + folder + saved)
            let weights = try WeightFile(format: format, pickle: file.pickle, path: path + "!" + folder + saved, storages: file.storages)
                .adding(try constants(members, path, of: program)).tied(as: program)
            return weights.with(module(program, weights))
        } catch {
            throw error.at(path: path)
        }
    }

    private static func program(_ members: TorchMembers) throws(Problem) -> TorchExportGraph? {
        guard let name = programs.first(where: members.names.contains), let bytes = try members.contents(name) else { return nil }
        return TorchExportGraph(bytes)
    }

    /// The tensors that the program reads beside its weights: constants in its code, and buffers that `state_dict()` leaves out.
    private static func constants(_ members: TorchMembers, _ path: String, of program: TorchExportGraph?) throws(Problem) -> [TensorRecord]
    {
        guard let program else { return [] }
        let read = Set(program.nodes.flatMap { $0.inputs.flatMap { $0.value.names } })
        let wanted = Set(program.fixed.filter(read.contains).compactMap { program.parameters[$0] })
        guard !wanted.isEmpty else { return [] }
        if let listing = try members.contents(constantListing) {
            // One that cannot be read is missing when the program is.
            return try weights(listing).filter { wanted.contains($0.name) }.compactMap {
                try? record($0.name, $0.weight, members, path, folder: "data/constants/")
            }
        }
        guard let saved = savedConstants.first(where: members.names.contains), let bytes = try members.contents(saved),
            let file = try? TorchFile(bytes, path: path + "!" + saved),
            let constants = try? WeightFile(format: format, pickle: file.pickle, path: path + "!" + saved, storages: file.storages)
        else { return [] }
        return (constants.models.first?.tensors ?? []).filter { wanted.contains($0.name) }
    }

    /// The modules that the program's operations are, if they are a plain sequence; otherwise its graph.
    private static func module(_ program: TorchExportGraph?, _ file: WeightFile) -> SavedModule {
        var opaque = SavedModule(opaque: SavedModule.program)
        guard let program else { return opaque }
        var module = program.module
        (module.kept, opaque.kept) = (program.keptParameters, program.keptParameters)
        let tensors = file.models.first?.tensors ?? []
        // A plain sequence may have operations that chains do not have, and a chain reads all modules.
        let read = Set(module.children.map { $0.name + "." })
        let isChain =
            module.className != SavedModule.program && module.children.allSatisfy { $0.className.hasPrefix("torch.nn.modules.") }
            && tensors.allSatisfy { read.contains(String($0.name.prefix(through: $0.name.lastIndex(of: ".") ?? $0.name.startIndex))) }
        if isChain { return module }
        do throws(Problem) {
            opaque.graphFile = try TorchExportConversion.graph(of: program, tensors: tensors)
        } catch {
            opaque.graphProblem = error
        }
        return opaque
    }

    private static let format = "PyTorch export"

    private static func listed(_ listing: ByteRegion, _ members: TorchMembers, _ path: String) throws(Problem) -> WeightFile {
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        for (name, weight) in try weights(listing) {
            do throws(Problem) {
                tensors.append(try record(name, weight, members, path))
            } catch {
                unreadable.append(UnreadableTensor(name: name, shape: weight.shape, problem: error, path: path))
            }
        }
        return WeightFile(format: format, models: [.init(key: "", tensors: tensors, unreadable: unreadable)], keepsOrder: false)
    }

    private static func record(
        _ name: String, _ weight: Weight, _ members: TorchMembers, _ path: String, folder: String = "data/weights/"
    ) throws(Problem) -> TensorRecord {
        guard let file = weight.file else { throw Problem("has no file in the listing", expected: "'path_name'") }
        let member = folder + file
        guard !file.contains("/"), let bytes = try members.contents(member) else {
            throw Problem("its bytes are not in the file", expected: "member \(member.quotedInMessage)")
        }
        if weight.isPickled {
            let file = try TorchFile(bytes, path: path + "!" + member)
            guard let record = try file.record(file.pickle.root, name: name) else { throw Problem("its pickle holds no tensor") }
            return record
        }
        guard let type = weight.dtype else { throw Problem("has no description") }
        guard let dtype = dtypes[type] else { throw Problem("elements of PyTorch's type \(type) are not supported") }
        guard let shape = weight.shape, let strides = weight.strides, let offset = weight.offset else {
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

    /// The weights of a listing in natural order of their names.
    ///
    /// - Throws: ``Problem`` if the bytes are not a listing.
    static func weights(_ listing: ByteRegion) throws(Problem) -> [(name: String, weight: Weight)] {
        guard listing.count <= 1 << 26 else {
            throw Problem("'\(weightListing)' is too long", expected: "at most \(1 << 26) bytes", found: "\(listing.count)")
        }
        do {
            return try listing.withUnsafeBytes { try JSONCursor.reading($0, readWeights) }.sorted { $0.name.precedesNaturally($1.name) }
        } catch {
            throw Problem(error).invalidating("'\(weightListing)'")
        }
    }

    /// Reads the listing; if a name appears twice, the last entry is used.
    private static func readWeights(_ cursor: inout JSONCursor) throws -> [(name: String, weight: Weight)] {
        var weights: [String: Weight]?
        try cursor.readObject { cursor, member in
            guard member == "config" else { return try cursor.skip() }
            var found: [String: Weight] = [:]
            try cursor.readMembers { cursor, name in
                let name = try JSONCursor.text(name)
                if let place = found.index(forKey: name), !DistinctNames.areSame(found[place].key, name) {
                    throw Problem(DistinctNames.normalisation, subject: "tensor '\(name)'")
                }
                found[name] = Weight(try cursor.value())
            }
            weights = found
        }
        guard let weights else { throw Problem("has no weights", expected: "'config'") }
        return weights.map { ($0.key, $0.value) }
    }

    /// The listing's entry for a weight; properties that it does not give are nil, and computed sizes have no number.
    struct Weight {
        let file: String?
        let isPickled: Bool
        let dtype: Int?
        let shape: [Int]?
        let strides: [Int]?
        let offset: Int?

        init(_ listed: JSONValue) {
            file = listed[member: "path_name"]?.text
            isPickled = listed[member: "use_pickle"]?.flag ?? false
            let meta = listed[member: "tensor_meta"]
            dtype = meta?[member: "dtype"]?.wholeNumber
            shape = Self.numbers(meta?[member: "sizes"])
            strides = Self.numbers(meta?[member: "strides"])
            offset = meta?[member: "storage_offset"]?[member: "as_int"]?.wholeNumber
        }

        private static func numbers(_ list: JSONValue?) -> [Int]? {
            guard case .list(let elements)? = list else { return nil }
            let numbers = elements.compactMap { $0[member: "as_int"]?.wholeNumber }
            return numbers.count == elements.count ? numbers : nil
        }
    }
}

extension WeightFile {
    /// The same file, in which tensors of several names are called by that which the program has first.
    fileprivate func tied(as program: TorchExportGraph?) -> WeightFile {
        guard let program, let model = models.first else { return self }
        let places = Dictionary(program.order.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var seconds: Set<String> = []
        for names in model.tensors.tied {
            let order = names.sorted { (places[$0] ?? .max, $0) < (places[$1] ?? .max, $1) }
            if order[0] != names[0] { seconds.formUnion(order.dropFirst()) }
        }
        guard !seconds.isEmpty else { return self }
        var file = self
        file.models[0] = Model(
            key: model.key, tensors: model.tensors.map { seconds.contains($0.name) ? $0.secondNamed($0.name) : $0 },
            unreadable: model.unreadable)
        file.models[0].module = model.module
        return file
    }
}
