import Archives
import ArgumentParser
import Checkpoints
import Modularity
import Scoring
import Text

extension CompareCommand {
    /// Compares three or more checkpoints, or files of clusters, with each other.
    func runSeries(_ paths: [String], to target: ReportTarget) throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        var inputs: [SeriesInput] = []
        let progress = output.progressBar("compare", total: paths.count, unit: "checkpoints")
        defer { progress.finish() }
        if jobs.jobs != nil {
            inputs = try worked(paths, run, progress)
        } else {
            for path in paths {
                inputs.append(try input(path, run))
                progress.advance()
            }
        }
        progress.finish()
        let report = try report(inputs, paths)
        try write(report, to: target)
        try run.end(of: paths.count)
    }

    func worker() throws -> (String) -> [UInt8] {
        { path in
            do {
                return try input(path, CheckpointRun(diagnostics: output.diagnostics)).answer
            } catch {
                return SeriesInput.wrongUsage((error as? ValidationError)?.message ?? "\(error)").answer
            }
        }
    }

    /// What other processes make of the paths; what they write to standard error appears in the order of the paths.
    private func worked(_ paths: [String], _ run: CheckpointRun, _ progress: Progress) throws -> [SeriesInput] {
        var found: [Int: (input: SeriesInput, words: [UInt8])] = [:]
        var failures = 0
        var next = 0
        try work(on: paths) { place, answer in
            let path = paths[place]
            switch answer {
            case .done(let bytes, let words): found[place] = (try SeriesInput(answer: bytes, path: path), words)
            case .ended(let end):
                let problem = Problem(end.description(of: path), path: path)
                let line = ("modinspect: " + OptionNames.line(of: problem)).singleLine
                found[place] = (.failed(FailedCheckpoint(path: path, problem)), Array(line.utf8) + [UInt8(ascii: "\n")])
            }
            if case .wrongUsage(let message)? = found[place]?.input { throw ValidationError(message) }
            if case .failed? = found[place]?.input { failures += 1 }
            progress.advance { failures == 0 ? "" : "\(ByteText.grouped(failures)) failed" }
            while let words = found[next]?.words {
                Diagnostics.pass(words)
                next += 1
            }
        }
        run.count(failures: failures)
        return paths.indices.compactMap { found[$0]?.input }
    }

    private func input(_ path: String, _ run: CheckpointRun) throws -> SeriesInput {
        var failure: FailedCheckpoint?
        let found = try run.attempt(path, { try member(path) }, failed: { failure = FailedCheckpoint(path: path, $0) })
        if let found { return .ok(found) }
        guard let failure else { preconditionFailure("a checkpoint without a result that has not failed") }
        return .failed(failure)
    }

    private func member(_ path: String) throws -> SeriesMember {
        switch try ComparedInput(path: path, options: Checkpoint.Options(member: source.member, key: source.key)) {
        case .clusters(let file, let content):
            try refuseOptionsOfCheckpoints(path)
            let layers = try file.clusterings().map { SeriesMember.Layer($0) }
            return SeriesMember(
                kind: .clusters, sha256: format.hasProvenance ? source.sha256(of: [content], output) : nil, layers: layers)
        case .checkpoint(var checkpoint):
            if checkpoint.adapter != nil { checkpoint = try source.merged(checkpoint) }
            if let refusal = checkpoint.refusal ?? checkpoint.incompleteness { throw refusal }
            output.diagnostics.noteUnreadable(checkpoint)
            let catalog = LayerCatalog(checkpoint)
            var request = try ScoreRequest(
                catalog, path: path, patterns: layers.patterns,
                clusters: .found(clustering.clusteringOptions(seed: computation.seed), counts: clustering.clusterCounts))
            output.diagnostics.describe(request.layers, of: catalog, path: path, isByDefault: layers.patterns.isEmpty, notesLeftOut: false)
            request.threads = computation.threadCount
            guard let sweep = try request.run().sweeps.first else { throw Problem.noLayers }
            output.diagnostics.describe(sweep, path: path)
            return SeriesMember(
                kind: .checkpoints, sha256: format.hasProvenance ? source.sha256(of: checkpoint, output) : nil,
                base: source.base(of: checkpoint, output, isHashed: format.hasProvenance),
                layers: sweep.layers.map { SeriesMember.Layer($0.clustering, $0.measures) })
        }
    }

    // MARK: - The report

    private func report(_ inputs: [SeriesInput], _ paths: [String]) throws -> SeriesReport {
        var members: [SeriesMember?] = []
        var sources: [CheckpointResult<CheckpointSource>] = []
        for (path, input) in zip(paths, inputs) {
            switch input {
            case .ok(let member):
                members.append(member)
                sources.append(.ok(CheckpointSource(path: path, sha256: member.sha256, base: member.base)))
            case .failed(let failure):
                members.append(nil)
                sources.append(.failed(failure))
            case .wrongUsage(let message): throw ValidationError(message)
            }
        }
        let kinds = members.map { $0?.kind }
        if let first = kinds.firstIndex(where: { $0 != nil }),
            let other = kinds.indices.first(where: { kinds[$0] != nil && kinds[$0] != kinds[first] })
        {
            let names = [CompareReport.Kind.checkpoints: "a checkpoint", .clusters: "a file of clusters"]
            throw ValidationError(
                "\(paths[other]): is \(names[kinds[other] ?? .clusters] ?? ""), expected \(names[kinds[first] ?? .clusters] ?? "") "
                    + "as \(paths[first]) is")
        }
        let comparison = SeriesComparison(members, paths: paths)
        note(comparison, paths, members)
        let kind = kinds.compactMap(\.self).first ?? .checkpoints
        return SeriesReport(
            comparison, paths: paths,
            setting: CompareReport.Setting(
                kind: kind, inputs: sources, method: kind == .checkpoints ? clustering.methodName : nil, clusters: nil))
    }

    /// Says what is not compared.
    private func note(_ comparison: SeriesComparison, _ paths: [String], _ members: [SeriesMember?]) {
        let lacking = comparison.missing.indices.filter { !comparison.missing[$0].isEmpty }
        if let first = lacking.first {
            output.diagnostics.note(
                "\(paths[first]): lacks " + comparison.missing[first].map { "'\($0)'" }.listed(atMost: 8) + ", which others have"
                    + (lacking.count > 1 ? "; likewise \(lacking.count - 1) more of \(ByteText.counted(paths.count, "checkpoint"))" : ""))
        }
        if let first = comparison.differing.first {
            func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: " x ") }
            let others = comparison.differing.count - 1
            output.diagnostics.note(
                "\(first.path): has '\(first.layer)' \(text(first.shape)) where most have \(text(first.expected))"
                    + (others > 0 ? "; likewise \(ByteText.counted(others, "other layer"))" : "")
                    + "; layers of different shapes are not compared")
        }
        if members.count(where: { $0 != nil }) > 1, !comparison.hasAgreement {
            output.diagnostics.warning("no two checkpoints have a layer in common")
        }
    }

    private func write(_ report: SeriesReport, to target: ReportTarget) throws {
        let seed = report.setting.kind == .checkpoints ? computation.seed : nil
        switch target {
        case .pictures(let pictures): try pictures.write(Provenanced(SeriesReport.schema, seed: seed, report))
        case .stream(let stream):
            switch format {
            case .svg: break
            case .text: try stream.write(SeriesTable.text(report))
            case .tsv: try stream.write(SeriesTable.tsv(report))
            case .json: try ReportEncoder.write(Provenanced(SeriesReport.schema, seed: seed, report), isIndented: true, to: stream)
            case .jsonl: for line in SeriesTable.lines(report, seed: seed) { try ReportEncoder.write(line, isIndented: false, to: stream) }
            }
            try stream.finish()
        }
    }
}
