import Archives
import Text

/// The tensors that a model means, found among those that its file stores.
struct EncodedTensors {
    /// A weight that cannot be put together.
    struct Failure {
        let name: String
        /// The type, the shape and the bytes of the tensor that holds the codes.
        let dtype: String?
        let shape: [Int]?
        let bytes: ByteRegion?
        let problem: Problem

        init(name: String, stored: TensorRecord, problem: Problem) {
            (self.name, dtype, shape, bytes) = (name, stored.dtype.rawValue, stored.shape, stored.bytes)
            self.problem = problem
        }

        /// Of codes that cannot be read.
        init(name: String, stored: UnreadableTensor) {
            (self.name, dtype, shape, bytes) = (name, stored.dtype, stored.shape, stored.bytes)
            problem = Problem("the part '\(stored.name)' cannot be read: \(stored.reason)")
        }
    }

    /// The decoded tensors in the places of their codes, and the tensors that are not encoded, without scales and other parts.
    let tensors: [TensorRecord]
    let failures: [Failure]
    /// The names of all tensors that belong to the weights that were found.
    let replaced: Set<String>
    /// Whether a weight was decoded.
    let hasDecoded: Bool
    /// How weights are assumed to be stored if no file describes it, in words; one entry for each encoding.
    let assumptions: [String]

    /// - Parameters:
    ///   - stored: the tensors of the file.
    ///   - settings: how the weights are stored, according to the model's files.
    ///   - missing: the tensors of the file that cannot be read.
    ///   - isShard: whether the file is one of several, which need not hold a weight that is stored as the settings say.
    /// - Throws: ``Problem`` if the configuration names a scheme and the file has no tensor stored in it.
    init(_ stored: [TensorRecord], settings: EncodingSettings, missing: [UnreadableTensor] = [], isShard: Bool = false) throws(Problem) {
        var replaced: [String: TensorRecord] = [:]
        var left: Set<String> = []
        var failures: [Failure] = []
        var assumed: [(summary: String, name: String, count: Int)] = []
        for module in Self.modules(stored, settings, missing) {
            let found = Self.decode(module)
            for weight in found.weights {
                left.formUnion(weight.parts.lazy.map(module.path))
                replaced[module.path(weight.codes)] = weight.record
                guard found.isAssumed else { continue }
                let summary = weight.record.encoding ?? ""
                if let place = assumed.firstIndex(where: { $0.summary == summary }) {
                    assumed[place].count += 1
                } else {
                    assumed.append((summary, weight.record.name, 1))
                }
            }
            left.formUnion(found.parts)
            failures += found.failures
        }
        let hidesCodes = missing.contains {
            Self.isTelling(Self.split($0.name).member) || Self.codeNames.contains(Self.split($0.name).member)
        }
        if left.isEmpty, !isShard, !hidesCodes { try Self.check(settings, stored) }
        let bare = Self.bareCodes(stored, settings).filter { !left.contains($0.name) && replaced[$0.name] == nil }
        failures += bare
        left.formUnion(Self.parts(of: bare, stored))
        let orphans = Self.partsAlone(stored, settings).filter { !left.contains($0.name) && replaced[$0.name] == nil }
        failures += orphans
        left.formUnion(orphans.map(\.name))
        guard !left.isEmpty else {
            tensors = stored
            self.failures = []
            self.replaced = []
            hasDecoded = false
            assumptions = []
            return
        }
        tensors = stored.compactMap { record in replaced[record.name] ?? (left.contains(record.name) ? nil : record) }
        self.failures = failures
        self.replaced = left
        hasDecoded = !replaced.isEmpty
        assumptions = assumed.map { summary, name, count in
            let others = count == 1 ? "" : " and \(ByteText.counted(count - 1, "other"))"
            return
                "no config.json describes how '\(name)'\(others) \(count == 1 ? "is" : "are") stored; read as \(summary), by the shapes of its parts"
        }
    }

    /// The weights that cannot be decoded, as tensors of the file at `path`.
    func unreadable(path: String) -> [UnreadableTensor] {
        failures.map {
            UnreadableTensor(
                name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes, problem: $0.problem, path: path)
        }
    }

    /// A configuration that names a scheme contradicts a file in which nothing is stored in it.
    private static func check(_ settings: EncodingSettings, _ stored: [TensorRecord]) throws(Problem) {
        guard settings.isInConfiguration, let method = settings.method,
            let scheme = EncodingScheme.all.first(where: { $0.methods.contains(method) })
        else { return }
        if method == "compressed-tensors" || method == "modelopt", settings["config_groups"]?.members.isEmpty ?? true { return }
        throw Problem(
            "config.json and the tensors contradict each other", expected: "weights of \(scheme.name), as \(settings.member ?? "") says",
            found: "none among \(stored.count) tensors")
    }

    /// The weights whose type shows that they are codes, if `config.json` names a scheme. Those that no scheme has decoded lack their scales.
    private static func bareCodes(_ stored: [TensorRecord], _ settings: EncodingSettings) -> [Failure] {
        guard let method = settings.method, let scheme = EncodingScheme.all.first(where: { $0.methods.contains(method) }) else { return [] }
        let problem = Problem(
            "is stored as codes without their scales",
            expected: "the parts of \(scheme.name), as \(settings.member ?? "") in \(settings.fileName) says")
        return stored.compactMap { record in
            guard record.dtype.isCode, record.shape.count >= 2, codeNames.contains(split(record.name).member) else { return nil }
            return Failure(name: record.name, stored: record, problem: problem)
        }
    }

    private static let codeNames: Set = ["weight", "qweight", "weight_packed"]

    /// The parts of a weight whose names do not begin with the weight's.
    private static let bareParts: Set = ["scales", "biases", "qzeros", "g_idx", "SCB", "scale_weight"]

    /// The names of parts that no tensor of a model has.
    private static let partNames = bareParts.union([
        "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_zero_point", "weight_global_scale", "weight_shape", "weight_g_idx",
    ])

    /// The scales and other parts of weights whose codes are not in the file but in another shard.
    private static func partsAlone(_ stored: [TensorRecord], _ settings: EncodingSettings) -> [Failure] {
        guard let method = settings.method, EncodingScheme.all.contains(where: { $0.methods.contains(method) }) else { return [] }
        var coded: Set<String> = []
        var names: Set<String> = []
        for record in stored {
            let (module, member) = split(record.name)
            if codeNames.contains(member) { coded.insert(module) }
            names.insert(record.name)
        }
        /// Whether one of two tensors of MXFP4 is there without the other.
        func isHalf(_ name: String) -> Bool {
            method == "mxfp4"
                && [("_blocks", "_scales"), ("_scales", "_blocks")].contains {
                    name.hasSuffix($0.0) && !names.contains(name.dropLast(7) + $0.1)
                }
        }
        let problem = Problem("is a part of a weight that is not whole in the file")
        return stored.compactMap { record in
            let (module, member) = split(record.name)
            let isPart = partNames.contains(member) || suffixes.contains(where: record.name.hasSuffix)
            guard isPart && !coded.contains(module) || isHalf(record.name) else { return nil }
            return Failure(name: record.name, stored: record, problem: problem)
        }
    }

    /// The names of all stored tensors of weights that lack a part.
    private static func parts(of bare: [Failure], _ stored: [TensorRecord]) -> [String] {
        guard !bare.isEmpty else { return [] }
        let modules = Set(bare.map { split($0.name).module })
        return stored.map(\.name).filter { name in
            let (module, member) = split(name)
            return modules.contains(module) && belongs(member, to: "weight")
        }
    }

    // MARK: - Modules

    /// The suffixes that parts add to the name of their weight.
    private static let suffixes = [
        ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4",
        "._data", "._scale",
    ]

    /// The modules of which a tensor may belong to a scheme, in the file's order.
    private static func modules(
        _ stored: [TensorRecord], _ settings: EncodingSettings, _ missing: [UnreadableTensor]
    ) -> [EncodedModule] {
        var order: [String] = []
        var members: [String: [String: TensorRecord]] = [:]
        let splits = stored.map { split($0.name) }
        let missingSplits = missing.map { split($0.name) }
        let isSparse = settings.method == "compressed-tensors"
        for (module, member) in splits + missingSplits where isTelling(member) || isSparse && member == "bitmask" {
            guard members[module] == nil else { continue }
            order.append(module)
            members[module] = [:]
        }
        if settings.method == "fp8" || settings.method == "fbgemm_fp8" || isRefused(settings.method) {
            for ((module, _), record) in zip(splits, stored) where record.dtype.isCode && members[module] == nil {
                order.append(module)
                members[module] = [:]
            }
        }
        guard !order.isEmpty else { return [] }
        for ((module, member), record) in zip(splits, stored) { members[module]?[member] = record }
        var unreadable: [String: [String: UnreadableTensor]] = [:]
        for ((module, member), tensor) in zip(missingSplits, missing) { unreadable[module, default: [:]][member] = tensor }
        return order.map {
            EncodedModule(name: $0, members: members[$0] ?? [:], settings: settings, unreadable: unreadable[$0] ?? [:])
        }
    }

    private static func split(_ name: String) -> (module: String, member: String) {
        var bare = name[...]
        if let suffix = suffixes.first(where: { name.hasSuffix($0) }) { bare = bare.dropLast(suffix.count) }
        guard let dot = bare.lastIndex(of: ".") else { return ("", name) }
        return (String(bare[..<dot]), String(name[name.index(after: dot)...]))
    }

    /// Whether a member can be one of a scheme's.
    private static func isTelling(_ member: String) -> Bool {
        if EncodingScheme.refusedMembers[member] != nil { return true }
        switch member {
        case "qweight", "weight_packed", "scales", "SCB", "weight_scale_2", "scale_weight": return true
        default:
            return member.hasSuffix("_scale") || member.hasSuffix("_scale_inv") || member.hasSuffix(".absmax")
                || member.hasSuffix("_blocks")
        }
    }

    private static func isRefused(_ method: String?) -> Bool {
        guard let method else { return false }
        return EncodingScheme.refusedMethods[method] != nil || !EncodingScheme.all.contains { $0.methods.contains(method) }
    }

    // MARK: - Weights

    private struct Found {
        var weights: [DecodedWeight] = []
        var failures: [Failure] = []
        /// Whether the settings are those that follow from the shapes.
        var isAssumed = false
        /// The parts of weights that cannot be decoded; they are not tensors of the model.
        var parts: [String] = []
    }

    private static func decode(_ module: EncodedModule) -> Found {
        var found = Found()
        if let name = refusal(module) {
            let problem = Problem("is stored by \(name), which is not decoded")
            found.failures = module.members.sorted { $0.key < $1.key }.filter { $0.key != "bias" }.map {
                Failure(name: module.path($0.key), stored: $0.value, problem: problem)
            }
            found.parts = found.failures.map(\.name)
            return found
        }
        for scheme in EncodingScheme.all {
            let codes = scheme.codes(module).filter { code in !found.weights.contains { $0.parts.contains(code) } }
            for code in codes {
                do throws(Problem) {
                    try agree(scheme, module)
                    var settled = module
                    if module.settings.method == nil, let assumed = scheme.assumed {
                        settled.settings = try assumed(module)
                        found.isAssumed = true
                    }
                    let weight = try scheme.decode(settled, code)
                    let name = meant(code)
                    guard !module.names(name) || weight.parts.contains(name) else {
                        throw Problem("is stored twice", expected: "'\(name)' or '\(code)'", found: "both")
                    }
                    found.weights.append(weight)
                } catch {
                    guard let stored = module[code] else { continue }
                    let name = meant(code)
                    found.failures.append(Failure(name: module.path(name), stored: stored, problem: error))
                    found.parts += module.members.keys.filter { belongs($0, to: name) || $0 == code }.map(module.path) + [module.path(name)]
                }
            }
            if !codes.isEmpty { break }
        }
        // Codes that cannot be read are no weight of their own name.
        for (member, stored) in module.unreadable.sorted(by: { $0.key < $1.key }) {
            let name = meant(member)
            guard name != member, !module.names(name) else { continue }
            found.failures.append(Failure(name: module.path(name), stored: stored))
            found.parts += module.members.keys.filter { belongs($0, to: name) }.map(module.path) + [module.path(member)]
        }
        refuseUnknownScales(module, &found)
        return found
    }

    /// A weight with a scale that no scheme has taken is not the model's weight as it is stored: integers, and numbers called `weight`.
    private static func refuseUnknownScales(_ module: EncodedModule, _ found: inout Found) {
        let taken = Set(found.weights.flatMap(\.parts).map(module.path) + found.parts)
        for (name, record) in module.members.sorted(by: { $0.key < $1.key }) where record.shape.count >= 2 {
            guard !taken.contains(module.path(name)), let scale = [name + "_scale", name + "_scale_inv"].first(where: module.names),
                record.dtype.isCode ? module.settings.method == nil : codeNames.contains(name)
            else { continue }
            let problem = Problem(
                "is stored with a scale by a scheme that is not known", expected: "quantization_config in config.json",
                found: "\(record.dtype.rawValue) with '\(scale)'")
            found.failures.append(Failure(name: module.path(name), stored: record, problem: problem))
            found.parts += module.members.keys.filter { belongs($0, to: name) }.map(module.path)
        }
    }

    /// The scheme that is not decoded and that the module shows.
    private static func refusal(_ module: EncodedModule) -> String? {
        let method = module.settings.method
        if let method, method.hasSuffix("auto-round") {
            let format = module.settings["packing_format"]?.text ?? ""
            if format.contains("auto_gptq") || format.contains("awq") { return nil }
        }
        let isCoded = module.members.contains { $0.value.dtype.isCode || isTelling($0.key) }
        if let method, isRefused(method), isCoded { return EncodingScheme.refusedMethods[method] ?? method.quotedInMessage }
        if method == "compressed-tensors", isCoded || module.names("bitmask"), let form = EncodingScheme.refusedCompression(module) {
            return "compressed-tensors with \(form)"
        }
        guard method == nil else { return nil }
        return module.members.keys.sorted().lazy.compactMap { EncodingScheme.refusedMembers[$0] }.first
    }

    /// The configuration and the names must say the same.
    private static func agree(_ scheme: EncodingScheme, _ module: EncodedModule) throws(Problem) {
        guard let method = module.settings.method else {
            guard scheme.isSelfContained || scheme.assumed != nil else {
                throw Problem(
                    "is stored as codes of \(scheme.name), whose settings are missing", expected: "quantization_config in config.json",
                    found: "none")
            }
            return
        }
        let isRounded = method.hasSuffix("auto-round") && (scheme.name == "GPTQ" || scheme.name == "AWQ")
        guard isRounded || scheme.methods.contains(method) else {
            throw Problem(
                "\(module.settings.fileName) and the names of its parts contradict each other",
                expected: "\(method), as \(module.settings.member ?? "") says",
                found: "the parts of \(scheme.name)")
        }
    }

    /// The name of the weight whose codes a member holds.
    private static func meant(_ code: String) -> String {
        if code.hasSuffix("_blocks") { return String(code.dropLast(7)) }
        return code == "qweight" || code == "weight_packed" ? "weight" : code
    }

    /// Whether a member is a part of a weight.
    private static func belongs(_ member: String, to weight: String) -> Bool {
        if member == weight || member.hasPrefix(weight + "_") || member.hasPrefix(weight + ".") { return true }
        guard weight == "weight" else { return false }
        return member == "qweight" || member == "global_scale" || bareParts.contains(member)
            || EncodingScheme.activationParts.contains(member)
    }
}

extension DType {
    /// Whether a tensor of the type can hold codes.
    var isCode: Bool {
        switch self {
        case .i8, .u8, .i32, .u32, .i16, .u16, .f8e4m3fn, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz: true
        default: false
        }
    }
}
