import Text

extension WordInput {
    /// Why images of no size have the channels that a network reads; nil if some may, or if that shows already.
    ///
    /// Words that do not give the shape of samples are taken to begin with what their first layer with weights reads, which is wrong
    /// where an operation before it changes the number of channels.
    func mismatch(of network: Network, _ probe: Probe) -> Problem? {
        guard !isGiven, probe.batch == nil, case .values(let shape) = probe.input, shape.count == 3 else { return nil }
        var found: Problem?
        for size in [64, 224, 32, 28, 8] {
            do throws(Problem) {
                _ = try network.shapes(for: .values([3] + shape.map { $0 ?? size }))
                return nil
            } catch {
                guard error.what == Convolution.channelProblem else { return nil }
                found = error
            }
        }
        return found
    }

    /// A problem with the words that give the shape of samples, where they lack them and that may be why.
    ///
    /// What was found is left out where it is a length that stands in for an open one.
    ///
    /// - Parameter probe: the samples with which it arose.
    func completed(_ problem: Problem, of probe: Probe?) -> Problem {
        let isOfChannels = problem.what == Convolution.channelProblem
        guard !isGiven, problem.hint == nil, isOfChannels || problem.what == Linear.widthProblem,
            case .values(let shape)? = probe?.input
        else { return problem }
        var problem = problem
        var form: String?
        if shape.count == 3, isOfChannels {
            form = "input(CHANNELSxROWSxCOLUMNS)"
        } else if shape.first == .some(nil) {
            form = "input(LENGTHxWIDTH)"
            problem.found = nil
        }
        problem.hint = form.map { .words("the words leave the shape of samples open, which \($0) as their first element gives") }
        return problem
    }
}
